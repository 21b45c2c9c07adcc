// Statements (section 3) and trust roots (section 4).
import { Refused, malformed, parse, canonical, b64, b64url, compareUTF8 } from './json.mjs';
import * as V from './values.mjs';
import { isAlg, jwkFault, thumbprint, verifyJWK, parseVkey, nameId, LOG, COSIGNER } from './keys.mjs';
import { leafHash } from './log.mjs';

const invalid = (why, ptr) => { throw new Refused('invalid', why, ptr); };
const forbidden = (why, ptr) => { throw new Refused('forbidden', why, ptr); };
const TYPS = {
  'safeconduct-root+jwt': 'root', 'safeconduct-registration+jwt': 'registration', 'dc+sd-jwt': 'entity',
  'safeconduct-domain+jwt': 'domain', 'safeconduct-event+jwt': 'event', 'safeconduct-consent+jwt': 'consent',
  'safeconduct-entity-event+jwt': 'entity-event', 'safeconduct-succession+jwt': 'succession', 'safeconduct-freeze+jwt': 'freeze',
};

// ---- byte form (3.1)
function readLines(text) {
  if (Buffer.byteLength(text) > 61440) throw new Refused('too-large', 'statement');
  const rows = text.split('\n');
  if (rows.length > 32) malformed('more than 32 lines');
  const lines = rows.map((row) => {
    const parts = row.split('.');
    if (parts.length !== 3 || parts.includes('') || parts.some((p) => !b64url(p))) malformed('not a compact JWS');
    const m = /^\{"alg":"([^"\\]*)","kid":"([^"\\]*)","typ":"([^"\\]*)"\}$/.exec(b64url(parts[0]).toString('latin1'));
    if (!m || !isAlg(m[1]) || !V.isThumbprint(m[2]) || !Object.hasOwn(TYPS, m[3])) malformed('header');
    return { alg: m[1], kid: m[2], typ: m[3], payload: parts[1], input: Buffer.from(parts[0] + '.' + parts[1]), sig: b64url(parts[2]) };
  });
  lines.forEach((l, i) => {
    if (l.payload !== lines[0].payload || l.typ !== lines[0].typ) malformed('lines of different payload or typ');
    if (i && compareUTF8(lines[i - 1].kid, l.kid) >= 0) malformed('lines that do not ascend');
  });
  return lines;
}

// ---- members: a type is (value, pointer) => nothing, or throws
const type = (t, ok, why) => (v, p) => {
  if (typeof v !== t) malformed('type', p);
  if (ok && !ok(v)) invalid(why ?? 'value', p);
};
const str = (ok, why) => type('string', ok, why);
const text = str(V.isText, 'text'), code = str(V.isCode), jti = str(V.isJti), date = type('number', V.isDate, 'date');
const country = str((s) => V.COUNTRIES.has(s), 'country'), integer = type('number'), truth = type('boolean');
const programme = str(V.isProgramme), amount = str(V.isAmount), list = str(V.isList), thumb = str(V.isThumbprint);
const oneOf = (...a) => str((s) => a.includes(s));
const each = (t, max) => (v, p) => {
  if (!Array.isArray(v)) malformed('type', p);
  if (max && v.length > max) invalid('too many', p);
  v.forEach((e, i) => t(e, p + '/' + i));
};
const obj = (members, then) => (v, p) => {
  if (v === null || typeof v !== 'object' || Array.isArray(v)) malformed('type', p);
  for (const k of Object.keys(v)) if (!Object.hasOwn(members, k) && !Object.hasOwn(members, k + '*')) malformed('unknown member', p + '/' + k);
  for (const [k, t] of Object.entries(members)) {
    const name = k.replace('*', '');
    if (v[name] !== undefined) t(v[name], p + '/' + name);
    else if (name !== k) invalid('absent', p + '/' + name);
  }
  then?.(v, p);
};
const uniqueIds = (t) => (v, p) => {
  each(t)(v, p);
  v.forEach((e, i) => { if (v.findIndex((o) => o.id === e.id) < i) invalid('an id twice', p + '/' + i + '/id'); });
};
const both = (v, p) => {
  if (v.retroactive && v.retroactive_reason === undefined) invalid('absent', p + '/retroactive_reason');
  if (v.retroactive_reason !== undefined && !v.retroactive) invalid('absent', p + '/retroactive');
};
const entry = (l) => str((s) => V.entrySegments(l, s) !== null, 'entry');
const scope = (v, p) => obj(Object.fromEntries(['EU_DU', 'IN_SCOMET', 'US_CCL', 'US_USML', 'WASSENAAR'].map((l) => [l, each(entry(l))])))(v, p);
// What an object conceals (3.5): concealing is the closed list, none where nothing may be.
const conceals = { _sd: each(str()), confidential: each(str()) };
const concealed = (closed, then) => (v, p) => {
  if (closed.length === 0 && (v._sd || v.confidential)) invalid('concealed', p + '/confidential');
  for (const [i, n] of (v.confidential ?? []).entries()) {
    if (!closed.includes(n)) invalid('may not be confidential', `${p}/confidential/${i}`);
    if (v[n] !== undefined) invalid('in clear', `${p}/${n}`);
  }
  if ((v._sd?.length ?? 0) !== (v.confidential?.length ?? 0)) invalid('digests', p + '/_sd');
  v._sd?.forEach((d, i) => { if (!V.isThumbprint(d) || b64url(d)?.length !== 32) invalid('digest', `${p}/_sd/${i}`); });
  then?.(v, p);
};
const sitesThat = (closed) => uniqueIds(obj({ 'id*': str(V.isSite), name: text, address: text, 'country*': country, ...conceals },
  concealed(closed, (v, p) => { if (v.address === undefined && !v.confidential?.includes('address')) invalid('absent', p + '/address'); })));
const sites = sitesThat([]);
const ceiling = (unit) => obj({ ...unit, per_transaction: amount, cumulative: amount }, (v, p) => {
  if (v.per_transaction === undefined && v.cumulative === undefined) invalid('no amount', p);
});
const limits = {
  in_scope: scope, excluded: scope, allowed_end_uses: each(code), activities: each(code),
  max_classification: str((s) => V.LEVELS.has(s)),
  nationality: obj({ permitted: each(country), prohibited: each(country) }, (v, p) => {
    v.permitted?.forEach((c, i) => { if (v.prohibited?.includes(c)) invalid('both ways', p + '/permitted/' + i); });
  }),
  value: ceiling({ 'currency*': str((s) => V.CURRENCIES.has(s)) }), quantity: ceiling({ 'unit*': code }), ...conceals,
};
// concealingObjects are those of an approval that conceal members; disclose checks a disclosure of one of them (3.5).
const CONFIDENTIAL = { address: text, case_number: text, contacts: each(text), legal_name: text, name: text, quantity: limits.quantity, value: limits.value };
export const concealingObjects = (c) => [c, ...(c.approved_sites ?? []), c.caveats ?? {}].filter((o) => o._sd);
export function disclose(text, o) {
  const bytes = text.length <= 24576 ? b64url(text) : null;
  const d = bytes ? parse(bytes, 'evidence') : null;
  if (!Array.isArray(d) || d.length !== 3 || typeof d[0] !== 'string' || typeof d[1] !== 'string') malformed('no disclosure', '');
  const salt = b64url(d[0])?.length ?? 0;
  if (salt < 16 || salt > 64) malformed('salt', '');
  if (!o.confidential.includes(d[1])) invalid('not declared', '/' + d[1]);
  parse(Buffer.from(canonical({ [d[1]]: d[2] })), 'payload');
  CONFIDENTIAL[d[1]](d[2], '/' + d[1]);
  o.disclosed ??= new Set();
  if (o.disclosed.has(d[1])) invalid('disclosed twice', '/' + d[1]);
  o.disclosed.add(d[1]);
}
// variants: an object whose kind says what other members it has.
const variants = (kinds, max) => (v, p) => each((e, q) => {
  if (e === null || typeof e !== 'object' || Array.isArray(e)) malformed('type', q);
  str((k) => Object.hasOwn(kinds, k), 'kind')(e.kind === undefined ? invalid('absent', q + '/kind') : e.kind, q + '/kind');
  kinds[e.kind](e, q);
}, max)(v, p);
const savingsKinds = variants({
  in_transit: obj({ 'kind*': str(), 'deliver_before*': date }),
  wind_down: obj({ 'kind*': str(), 'until*': date, modes: each(oneOf('tangible', 'intangible')) }),
});
const savings = (v, p) => {
  savingsKinds(v, p);
  v.forEach((e, i) => { if (v.findIndex((o) => o.kind === e.kind) < i) invalid('a kind twice', `${p}/${i}/kind`); });
};
const days = type('number', (n) => n >= 1 && n <= 36525), years = type('number', (n) => n >= 1 && n <= 100);
const within = obj({ 'kind*': str(), days, business_days: days, text }, (o, p) => {
  if ((o.days === undefined) === (o.business_days === undefined)) invalid('either days or business_days', p);
});
const plain = obj({ 'kind*': str(), text });
const obligations = variants({
  notify_before: within, report_within: within, keep_records: obj({ 'kind*': str(), 'years*': years, text }),
  consignee_statement: plain, end_user_certificate: plain,
}, 32);
const publication = obj({ 'citation*': text, url: text });
const common = { 'aud*': str(V.isOrigin), 'iss*': str(V.isAuthority), 'sub*': str(), 'jti*': jti, 'iat*': date };
const grant = {
  ...common, 'nbf*': date, exp: date, supersedes: jti, retroactive: truth, retroactive_reason: text, legal_basis: text, publication,
};
const grantRules = (c, p) => {
  if (c.exp !== undefined && c.exp <= c.nbf) invalid('exp not after nbf', p + '/exp');
  if (c.supersedes === c.jti) invalid('supersedes itself', p + '/supersedes');
  if (c.expiry_savings && c.exp === undefined) invalid('expiry_savings without exp', p + '/expiry_savings');
  both(c, p);
};
// entityOf gives the identifier in entity:<identifier>, or in entity:<identifier>/<iss>; '' where it is neither.
const entityOf = (sub, iss) => {
  const end = iss === undefined ? '' : '/' + iss, id = sub.slice('entity:'.length, sub.length - end.length);
  return sub === 'entity:' + id + end && V.isIdentifier(id) ? id : '';
};
const effects = oneOf('authorization', 'eligibility', 'policy_baseline');
const terms = obj({ ...limits, 'authorities*': each(str(V.isAuthority), 8), 'concurrence*': integer, 'in_scope*': scope }, (t, p) => {
  concealed([])(t, p);
  if (t.concurrence < 1 || t.concurrence > t.authorities.length) invalid('concurrence', p + '/concurrence');
});

const jwk = obj({ 'alg*': str(), 'crv*': str(), 'kty*': str(), 'x*': str(), y: str() }, (k, p) => {
  const f = jwkFault(k); if (f) invalid('key: ' + f, p);
});
const officers = uniqueIds(obj({ 'id*': str(V.isJti), 'keys*': each(jwk) }));
const authority = obj({
  'id*': str((s) => V.isAuthority(s) && s !== 'root'), 'name*': text, 'countries*': each(country), 'officers*': officers,
  'thresholds*': obj({ 'granting*': integer, 'revoking*': integer }),
  jurisdiction: obj({ countries: each(country), lists: each(list), programmes: each(programme), sandboxes: each(str(V.isSandbox)) }),
  compromised: compromisedKeys(), thawed: each(str()),
}, (a, p) => {
  const own = a.officers.flatMap((o) => o.keys.map(thumbprint));
  a.thawed?.forEach((kid, i) => { if (!own.includes(kid)) invalid('no key of its own', p + '/thawed/' + i); });
  for (const k of ['granting', 'revoking'])
    if (a.thresholds[k] < 1 || a.thresholds[k] > a.officers.length) invalid('threshold', p + '/thresholds/' + k);
});
function compromisedKeys() {
  const t = each(obj({ 'kid*': thumb, since: integer, false: each(jti), all_false: truth }, (c, p) => { if (c.since < 0) invalid('since', p + '/since'); }));
  // assumed: no negative since, and a thumbprint is strict base64url of 32 bytes
  return (v, p) => { t(v, p); v.forEach((c, i) => { if (b64url(c.kid)?.length !== 32) invalid('kid', p + '/' + i); }); };
}
const vkey = (ty) => str((s) => parseVkey(s, ty) !== null, 'verifier key');
const KINDS = {
  registration: obj({ ...grant, 'legal_name*': text, former_names: each(text), 'country*': country, identifiers: each(str(V.isIdentifier), 32), sites }, (c, p) => {
    grantRules(c, p);
    const m = /^entity:(.*)$/s.exec(c.sub);
    if (!m || !V.isIdentifier(m[1])) invalid('sub', p + '/sub');
    c.identifiers?.forEach((i, n) => { if (i === m[1]) invalid('its own', p + '/identifiers/' + n); });
  }),
  entity: obj({
    ...grant, 'vct*': oneOf('urn:safeconduct:entity-approval:1'), legal_name: text, 'country*': country, 'legal_effect*': effects,
    case_number: text, contacts: each(text), listed: truth, cnf: obj({ 'jwk*': jwk }), ...conceals, _sd_alg: str(),
    programme, mentor: str(V.isIdentifier), authorised_roles: each(oneOf('transferor', 'transferee', 'via', 'end_user')), approved_sites: sitesThat(['address', 'name']),
    eligible_items: each(obj({ 'list*': list, 'entry*': str(), limitation: text, sites: each(str(V.isSite)) }, (i, p) => entry(i.list)(i.entry, p + '/entry'))),
    identifiers: each(str(V.isIdentifier), 32), caveats: obj(limits, concealed(['quantity', 'value'])), conditions: obj({ 'change_of_control*': oneOf('auto_suspend') }),
    expiry_savings: savings, obligations,
  }, (c, p) => {
    grantRules(c, p);
    const own = entityOf(c.sub, c.iss);
    if (!own) invalid('sub', p + '/sub');
    c.identifiers?.forEach((i, n) => { if (i === own) invalid('its own', p + '/identifiers/' + n); });
    if (c.mentor !== undefined && (c.mentor === own || c.identifiers?.includes(c.mentor))) invalid('itself', p + '/mentor');
    concealed(['case_number', 'contacts', 'legal_name'])(c, p);
    if (c.legal_name === undefined && !c.confidential?.includes('legal_name')) invalid('absent', p + '/legal_name');
    const digests = [c, ...(c.approved_sites ?? []), c.caveats ?? {}].flatMap((o) => o._sd ?? []);
    if (new Set(digests).size < digests.length) invalid('a digest twice', p + '/_sd');
    if ((digests.length > 0 ? 'sha-256' : undefined) !== c._sd_alg) invalid('_sd_alg', p + '/_sd_alg');
    c.eligible_items?.forEach((i, n) => i.sites?.forEach((s, k) => {
      if (!c.approved_sites?.some((a) => a.id === s)) invalid('no approved site', `${p}/eligible_items/${n}/sites/${k}`);
    }));
  }),
  domain: obj({ ...grant, 'title*': text, 'legal_effect*': effects, programme,
    challenge: obj({ 'name*': text, citation: text }), 'terms*': terms, caveats: obj(limits, concealed([])), expiry_savings: savings, obligations }, (c, p) => {
    grantRules(c, p);
    const m = /^sandbox:(.*)$/s.exec(c.sub);
    if (!m || !V.isSandbox(m[1])) invalid('sub', p + '/sub');
    if (!c.terms.authorities.includes(c.iss)) invalid('without the issuer', p + '/terms/authorities');
  }),
  consent: obj({
    ...Object.fromEntries(Object.entries(grant).filter(([k]) => k !== 'supersedes')), 'transferee*': str(V.isIdentifier), in_scope: scope,
    sites: each(str(V.isSite)), value: obj({ 'currency*': str((s) => V.CURRENCIES.has(s)), 'per_transaction*': amount }), obligations,
  }, (c, p) => {
    grantRules(c, p);
    if (c.sub !== `consent:${c.iss}/${c.jti}`) invalid('sub', p + '/sub');
  }),
  'entity-event': obj({
    ...common, 'event*': oneOf('rename', 'merger', 'change_of_control'), 'effective_at*': date, new_name: text, survivor: str(V.isIdentifier),
    acquirer: str(V.isIdentifier), acquirer_name: text, percent: str(V.isPercentage), cause: code, cause_text: text, legal_basis: text, publication,
  }, (c, p) => {
    const own = entityOf(c.sub);
    if (!own) invalid('sub', p + '/sub');
    for (const [k, event] of [['new_name', 'rename'], ['survivor', 'merger'], ['acquirer', 'change_of_control'], ['acquirer_name', 'change_of_control'], ['percent', 'change_of_control']])
      if (c[k] !== undefined && c.event !== event) invalid('of another event', p + '/' + k);
    for (const [k, event] of [['new_name', 'rename'], ['survivor', 'merger']])
      if (c[k] === undefined && c.event === event) invalid('absent', p + '/' + k);
    if (c.survivor === own) invalid('itself', p + '/survivor');
  }),
  succession: obj({
    ...common, 'target*': jti, 'effective_at*': date, 'successor*': str(V.isIdentifier), 'legal_name*': text, 'country*': country,
    approved_sites: sites, retroactive: truth, retroactive_reason: text, legal_basis: text, publication,
  }, (c, p) => {
    both(c, p);
    const own = entityOf(c.sub, c.iss);
    if (!own) invalid('sub', p + '/sub');
    if (c.successor === own) invalid('itself', p + '/successor');
  }),
  event: obj({
    ...common, 'event*': oneOf('suspend', 'lift', 'revoke', 'withdraw'), 'target*': jti, 'effective_at*': date, until: date, cause: code,
    ends: each(oneOf('change_of_control', 'suspension')), savings, cause_text: text, legal_basis: text, publication, retroactive: truth, retroactive_reason: text,
  }, (c, p) => {
    both(c, p);
    if (c.until !== undefined && (c.event !== 'suspend' || c.until <= c.effective_at)) invalid('until', p + '/until');
    if (c.retroactive && c.event !== 'lift') invalid('retroactive', p + '/retroactive');
    if ((c.ends !== undefined) !== (c.event === 'lift')) invalid('ends', p + '/ends');
    if (c.savings && c.event === 'lift') invalid('savings', p + '/savings');
    const sandbox = /^sandbox:(.*)$/s.exec(c.sub);
    if (!(sandbox ? V.isSandbox(sandbox[1]) : entityOf(c.sub) || entityOf(c.sub, c.iss) || c.sub === `consent:${c.iss}/${c.target}`)) invalid('sub', p + '/sub');
  }),
  freeze: obj({ ...common, 'kid*': thumb, cause: code, cause_text: text }, (c, p) => {
    if (c.sub !== 'root') invalid('sub', p + '/sub');
    if (b64url(c.kid)?.length !== 32) invalid('kid', p + '/kid');
  }),
  root: obj({
    ...common, 'version*': integer, previous: str(), 'threshold*': integer, 'officers*': officers,
    'log_keys*': each(vkey(LOG)), 'authorities*': uniqueIds(authority),
    cosigners: each(obj({ 'vkey*': vkey(COSIGNER), 'role*': oneOf('witness', 'mirror'), operator: truth })), decision_keys: each(jwk),
  }, (c, p) => {
    if (c.sub !== 'root') invalid('sub', p + '/sub');
    if (c.version < 1) invalid('version', p + '/version');
    if (c.jti !== 'root-' + c.version) invalid('jti', p + '/jti');
    if (c.version > 1 ? b64(c.previous ?? '')?.length !== 32 : c.previous !== undefined) invalid('previous', p + '/previous');
    if (c.threshold < 1 || c.threshold > c.officers.length) invalid('threshold', p + '/threshold');
    const seen = new Set(), names = new Set();
    const own = (os, q) => os.forEach((o, i) => o.keys.forEach((k, j) => {
      const t = thumbprint(k);
      if (seen.has(t)) invalid('one key twice', `${q}/officers/${i}/keys/${j}`);
      seen.add(t);
    }));
    own(c.officers, p);
    c.authorities.forEach((a, i) => own(a.officers, p + '/authorities/' + i));
    const named = (k, q) => { if (names.has(nameId(k))) invalid('name and id twice', q); names.add(nameId(k)); };
    c.log_keys.forEach((s, i) => {
      const k = parseVkey(s, LOG);
      if (k.name !== c.aud) invalid('log key of another name', p + '/log_keys/' + i);
      named(k, p + '/log_keys/' + i);
    });
    c.cosigners?.forEach((s, i) => named(parseVkey(s.vkey, COSIGNER), `${p}/cosigners/${i}/vkey`));
    const notes = [...c.log_keys.map((s) => parseVkey(s, LOG)), ...(c.cosigners ?? []).map((s) => parseVkey(s.vkey, COSIGNER))].map((k) => k.hex);
    c.decision_keys?.forEach((k, i) => {
      if (seen.has(thumbprint(k))) invalid('one key twice', `${p}/decision_keys/${i}`);
      if (k.kty === 'OKP' && notes.includes(b64url(k.x).toString('hex'))) invalid('a key that signs checkpoints', `${p}/decision_keys/${i}`);
      seen.add(thumbprint(k));
    });
  }),
};

// parseStatement reads the byte form, payload and members of a statement.
export function parseStatement(statement) {
  const lines = readLines(statement), kind = TYPS[lines[0].typ];
  const payload = b64url(lines[0].payload), claims = parse(payload, 'payload');
  KINDS[kind](claims, '');
  if ((claims.iss === 'root') !== (kind === 'root')) invalid('iss', '/iss');
  const subjects = [claims.sub];
  if (kind === 'registration') subjects.push(...(claims.identifiers ?? []).map((i) => 'entity:' + i));
  if (kind === 'entity-event' && claims.survivor) subjects.push('entity:' + claims.survivor);
  if (kind === 'succession') subjects.push(`entity:${claims.successor}/${claims.iss}`);
  return { kind, claims, lines, payload: payload.toString(), subjects, leafHash: leafHash(Buffer.from(statement)) };
}
const keyMap = (os) => new Map(os.flatMap((o) => o.keys.map((k) => [thumbprint(k), { officer: o.id, jwk: k }])));
const holds = (l, k) => l.alg === k.jwk.alg && verifyJWK(k.jwk, l.input, l.sig);
const signers = (lines, keys) => new Set(lines.flatMap((l) => keys.get(l.kid)?.officer ?? [])).size;

// openRoot opens a trust root (4.2) with the one before, a verified root or null, and gives a verified root.
// strangers: whether lines by keys that the document does not list are passed over.
// A freeze gives the root before it, with one key more frozen.
export function openRoot(st, before, strangers = false) {
  if (st.kind === 'freeze') return openFreeze(st, before);
  if (st.kind !== 'root') invalid('not a trust root', '/sub');
  const c = st.claims, own = keyMap(c.officers), old = before ? keyMap(before.claims.officers) : new Map();
  const conflict = (why, p) => { throw new Refused('conflict', why, p); };
  if (before) {
    if (c.aud !== before.claims.aud) forbidden('aud', '/aud');
    if (c.version !== before.claims.version + 1) conflict('version', '/version');
    if (!b64(c.previous).equals(before.leafHash)) conflict('previous', '/previous');
  }
  for (const l of st.lines) {
    const k = own.get(l.kid) ?? old.get(l.kid);
    if (!k && strangers) continue;
    if (!k || !holds(l, k)) forbidden('a line that is by no root officer or false');
  }
  if (signers(st.lines, own) < c.threshold) forbidden('its own threshold');
  if (before && signers(st.lines, old) < before.claims.threshold) forbidden('the threshold before');
  const declared = new Map(before?.declared ?? []);
  const stayed = new Set((before?.claims.authorities ?? []).map((a) => a.id));
  for (const a of c.authorities) {
    const own = a.compromised ?? [];
    if (!stayed.has(a.id) && (declared.get(a.id) ?? []).some((d) => !own.some((x) => x.kid === d.kid && (x.since ?? 0) <= (d.since ?? 0))))
      throw new Refused('conflict', 'a declaration is not repeated');
    declared.set(a.id, own);
  }
  const frozen = new Set(before?.frozen ?? []);
  for (const a of c.authorities) for (const kid of a.thawed ?? []) frozen.delete(kid);
  return { ...st, declared, compromised: new Set([...declared.values()].flat().map((x) => x.kid)), frozen };
}
function openFreeze(st, before) {
  if (!before) forbidden('a freeze without a root');
  openWith(st, before);
  const a = before.claims.authorities.find((x) => x.id === st.claims.iss);
  if (!keyMap(a.officers).has(st.claims.kid)) forbidden('no key of its own', '/kid');
  if (before.frozen.has(st.claims.kid)) throw new Refused('conflict', 'frozen already', '/kid');
  return { ...before, frozen: new Set([...before.frozen, st.claims.kid]), freeze: st };
}
// openWith opens any other statement with the root in force (3.4).
export function openWith(st, root) {
  const c = st.claims, r = root.claims, a = r.authorities.find((x) => x.id === c.iss);
  if (c.aud !== r.aud) forbidden('aud', '/aud');
  if (!a) forbidden('unknown authority', '/iss');
  const keys = keyMap(a.officers);
  for (const l of st.lines) {
    const k = keys.get(l.kid);
    if (!k || root.compromised.has(l.kid) || root.frozen.has(l.kid) || !holds(l, k)) forbidden('a line that does not count');
  }
  const need = st.kind === 'freeze' || ['suspend', 'revoke', 'withdraw', 'change_of_control'].includes(c.event) ? a.thresholds.revoking : a.thresholds.granting;
  if (signers(st.lines, keys) < need) forbidden('threshold');
  const j = a.jurisdiction ?? {}, within = (set, v, p) => { if (set && v !== undefined && !set.includes(v)) forbidden('jurisdiction', p); };
  if (st.kind === 'registration') within(a.countries, c.country, '/country');
  if (st.kind === 'entity') {
    within(j.countries, c.country, '/country');
    if (j.programmes && c.programme === undefined) forbidden('jurisdiction', '/programme');
    within(j.programmes, c.programme, '/programme');
    if (j.lists && !c.eligible_items) forbidden('jurisdiction', '/eligible_items');
    c.eligible_items?.forEach((i, n) => within(j.lists, i.list, `/eligible_items/${n}/list`));
  }
  const scopeWithin = (s, p) => { for (const l of Object.keys(s ?? {})) within(j.lists, l, p + '/' + l); };
  const caveatsWithin = () => { for (const s of ['in_scope', 'excluded']) scopeWithin(c.caveats?.[s], '/caveats/' + s); };
  if (st.kind === 'entity') caveatsWithin();
  if (st.kind === 'consent' && j.lists && !c.in_scope) forbidden('jurisdiction', '/in_scope');
  if (st.kind === 'consent') scopeWithin(c.in_scope, '/in_scope');
  if (st.kind === 'succession') within(j.countries, c.country, '/country');
  if (st.kind === 'domain') {
    within(j.sandboxes, c.sub.slice('sandbox:'.length), '/sub');
    within(j.programmes, c.programme, '/programme');
    caveatsWithin();
  }
  return st;
}
