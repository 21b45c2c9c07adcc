// Values (format.md sections 2 and 16).
const words = (s) => new Set(s.trim().split(/\s+/));
export const COUNTRIES = words(`
AD AE AF AG AI AL AM AO AQ AR AS AT AU AW AX AZ BA BB BD BE BF BG BH BI BJ BL BM BN BO BQ BR BS BT BV BW BY BZ CA CC
CD CF CG CH CI CK CL CM CN CO CR CU CV CW CX CY CZ DE DJ DK DM DO DZ EC EE EG EH ER ES ET FI FJ FK FM FO FR GA GB GD
GE GF GG GH GI GL GM GN GP GQ GR GS GT GU GW GY HK HM HN HR HT HU ID IE IL IM IN IO IQ IR IS IT JE JM JO JP KE KG KH
KI KM KN KP KR KW KY KZ LA LB LC LI LK LR LS LT LU LV LY MA MC MD ME MF MG MH MK ML MM MN MO MP MQ MR MS MT MU MV MW
MX MY MZ NA NC NE NF NG NI NL NO NP NR NU NZ OM PA PE PF PG PH PK PL PM PN PR PS PT PW PY QA RE RO RS RU RW SA SB SC
SD SE SG SH SI SJ SK SL SM SN SO SR SS ST SV SX SY SZ TC TD TF TG TH TJ TK TL TM TN TO TR TT TV TW TZ UA UG UM US UY
UZ VA VC VE VG VI VN VU WF WS YE YT ZA ZM ZW`);
export const CURRENCIES = words(`
AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BHD BIF BMD BND BOB BRL BSD BTN BWP BYN BZD CAD CDF CHF CLP CNY COP
CRC CUP CVE CZK DJF DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GNF GTQ GYD HKD HNL HTG HUF IDR ILS INR
IQD IRR ISK JMD JOD JPY KES KGS KHR KMF KPW KRW KWD KYD KZT LAK LBP LKR LRD LSL LYD MAD MDL MGA MKD MMK MNT MOP MRU
MUR MVR MWK MXN MYR MZN NAD NGN NIO NOK NPR NZD OMR PAB PEN PGK PHP PKR PLN PYG QAR RON RSD RUB RWF SAR SBD SCR SDG
SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TND TOP TTD TWD TZS UAH UGX USD UYU UZS VED VES VND VUV WST
XAF XCD XCG XOF XPF YER ZAR ZMW ZWG`);
export const LEVELS = new Set(['UNCLASSIFIED', 'RESTRICTED', 'CONFIDENTIAL', 'SECRET']);

const re = (r) => (s) => r.test(s);
const bytes = (s) => Buffer.byteLength(s);
export const isText = (s) => bytes(s) <= 4096;
const ORIGIN = /^(?![.-])[a-z0-9.-]+(\/[A-Za-z0-9._~-]+)*$/;
export const isOrigin = (s) => bytes(s) <= 128 && ORIGIN.test(s);
export const isAuthority = re(/^[a-z0-9-]{1,32}$/);
export const isSandbox = re(/^[A-Z0-9-]{1,64}$/);
export const isSite = isSandbox;
export const isJti = re(/^[A-Za-z0-9._-]{1,128}$/);
export const isCode = re(/^[a-z][a-z0-9_]{0,63}$/);
export const isProgramme = re(/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/);
export const isThumbprint = re(/^[A-Za-z0-9_-]{43}$/);
export const isDate = (n) => n >= 1 && n <= 253402300799;
export const isAmount = re(/^(0|[1-9][0-9]{0,29})(\.[0-9]{0,8}[1-9])?$/);
export const isPercentage = (s) => isAmount(s) && (s === '100' || /^[0-9]{1,2}(\.|$)/.test(s));

// duration gives the seconds, or 0 for what is none.
export function duration(s) {
  const m = /^P(?:([0-9]{1,6})D)?(?:T(?=[0-9])(?:([0-9]{1,6})H)?(?:([0-9]{1,8})M)?(?:([0-9]{1,9})S)?)?$/.exec(s);
  if (!m || s === 'P') return 0;
  const [d, h, mi, se] = m.slice(1).map((x) => Number(x ?? 0));
  const t = d * 86400 + h * 3600 + mi * 60 + se;
  return t <= 36525 * 86400 ? t : 0;
}

// 2.1 Identifiers
const val36 = (c) => parseInt(c, 36);
const digits = (s) => [...s].map(Number);
const weighted = (ds, ws) => ds.reduce((t, d, i) => t + d * ws[i], 0);
const PAN = '[A-Z]{3}[ABCFGHJLPT][A-Z](?!0000)[0-9]{4}[A-Z]';
const GSTIN = new RegExp(`^([0-9]{2})${PAN}[1-9A-Z]Z[0-9A-Z]$`);
const SCHEMES = {
  lei(v) {
    if (!/^[A-Z0-9]{18}[0-9]{2}$/.test(v)) return false;
    const c = Number(v.slice(18));
    return c >= 2 && c <= 98 && BigInt([...v].map(val36).join('')) % 97n === 1n;
  },
  uei: re(/^[1-9A-HJ-NP-Z][0-9A-HJ-NP-Z]{11}$/),
  cage: re(/^[0-9][0-9A-HJ-NP-Z]{3}[0-9]$/),
  ncage: re(/^[A-Z0-9]{5}$/),
  cin: re(/^[LU][0-9]{5}[A-Z]{2}[0-9]{4}[A-Z]{3}[0-9]{6}$/),
  llpin: re(/^[A-Z]{3}-[0-9]{4}$/),
  iec: re(new RegExp(`^([0-9]{10}|${PAN})$`)),
  abn(v) {
    if (!/^[0-9]{11}$/.test(v) || Number(v.slice(0, 2)) < 11) return false;
    const d = digits(v); d[0]--;
    return weighted(d, [10, 1, 3, 5, 7, 9, 11, 13, 15, 17, 19]) % 89 === 0;
  },
  acn: (v) => /^[0-9]{9}$/.test(v) && weighted(digits(v), [8, 7, 6, 5, 4, 3, 2, 1, 1]) % 10 === 0,
  eori(v) {
    if (!/^[A-Z]{2}[A-Z0-9]{1,15}$/.test(v)) return false;
    const c = v.slice(0, 2);
    return c === 'XI' || (c === 'GB' ? /^GB[0-9]{12}$/.test(v) : COUNTRIES.has(c));
  },
  gstin(v) {
    const m = GSTIN.exec(v);
    if (!m) return false;
    const state = Number(m[1]);
    if (!((state >= 1 && state <= 38) || state === 97 || state === 99)) return false;
    let t = val36(v[14]);
    for (let i = 0; i < 14; i++) { const n = val36(v[i]) * (i % 2 ? 2 : 1); t += Math.floor(n / 36) + (n % 36); }
    return t % 36 === 0;
  },
  pan: re(new RegExp(`^${PAN}$`)),
  duns: re(/^[0-9]{9}$/),
  ddtc: re(/^[MBFK][0-9]{1,10}$/),
};
export function isIdentifier(s) {
  const m = /^([a-z0-9-]{1,32}):([A-Z0-9-]{1,64})$/.exec(s);
  if (!m) return false;
  if (Object.hasOwn(SCHEMES, m[1])) return SCHEMES[m[1]](m[2]);
  return /^[a-z0-9][a-z0-9-]*-[a-z0-9-]*[a-z0-9]$/.test(m[1]);
}

// 2.2 Entries of control lists: the segments, or null.
const N = /^[1-9][0-9]{0,2}$/, L = /^[a-z]$/, P = /^([a-z]{1,2}|[1-9][0-9]{0,2})$/;
const ROMAN = /^(?=.)(xc|xl|l?x{0,3})(ix|iv|v?i{0,3})$/;
const alternating = (paras, kinds) => paras.every((p, i) => kinds[i % kinds.length].test(p));
const dotted = (head) => (s) => {
  const [h, ...ps] = s.split('.');
  return head.test(h) && ps.every((p) => P.test(p)) ? [h, ...ps] : null;
};
const LISTS = {
  US_CCL: (s) => (s === 'EAR99' ? [s] : dotted(/^[0-9][A-E][0-9]{3}$/)(s)),
  IN_SCOMET: dotted(/^[0-8][A-H][0-9]{3}$/),
  WASSENAAR(s) {
    const m = /^([1-9]\.[A-E]\.[1-9][0-9]?|ML(?:[1-9]|1[0-9]|2[0-2]))(?:\.(.*))?$/.exec(s);
    if (!m) return null;
    const ps = m[2] === undefined ? [] : m[2].split('.');
    return alternating(ps, [L, N]) ? [m[1], ...ps] : null;
  },
  EU_DU(s) {
    const head = s.slice(0, 5), rest = s.slice(5), ps = rest.match(/[0-9]+|[^0-9]/g) ?? [];
    if (!/^[0-9][A-E][0-9]{3}$/.test(head)) return null;
    return alternating(ps, [L, N]) || (head === '1C350' && alternating(ps, [N, L])) ? [head, ...ps] : null;
  },
  US_USML(s) {
    const m = /^([IVX]+)((?:\([^()]*\))*)$/.exec(s);
    if (!m || !ROMAN.test(m[1].toLowerCase())) return null;
    if (!/^(X{0,1}(IX|IV|V?I{0,3})|XXI?)$/.test(m[1])) return null;
    const ps = [...m[2].matchAll(/\(([^()]*)\)/g)].map((x) => x[1]);
    const kinds = [L, N, ROMAN, /^[A-Z]$/, N, ROMAN];
    return ps.length <= 6 && alternating(ps, kinds) ? [m[1], ...ps] : null;
  },
};
export const isList = (l) => Object.hasOwn(LISTS, l);
export function entrySegments(list, s) {
  if (bytes(s) > 64) return null;
  const seg = LISTS[list](s);
  return seg && seg.length <= 12 ? seg : null;
}
