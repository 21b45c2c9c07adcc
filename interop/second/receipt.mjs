// Receipts of decisions (section 10.1), all steps but the last: nothing is decided here.
import { Refused, parse, canonical, b64url, decodeUTF8 } from './json.mjs';
import { H, isAlg, verifyJWK, thumbprint } from './keys.mjs';
import * as V from './values.mjs';
import { concealingObjects, disclose } from './statement.mjs';
import { verifyEvidence, requestDigests } from './verify.mjs';

const SKEW = 5 * 60 * 1000;
const fail = (why) => { throw new Refused('receipt', why); };
const need = (ok, why) => { if (!ok) fail(why); };

// types of members: (value) => nothing, or throws
const str = (v) => need(typeof v === 'string', 'a string');
const full = (v) => need(typeof v === 'string' && v !== '', 'a string that says something');
const int = (v) => need(typeof v === 'number', 'an integer');
const yes = (v) => need(v === true, 'true');
const bool = (v) => need(typeof v === 'boolean', 'true or false');
const oneOf = (...a) => (v) => need(a.includes(v), 'one of ' + a);
const digest = (v) => need(typeof v === 'string' && b64url(v)?.length === 32, 'a digest');
const time = (v) => need(typeof v === 'string' && /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d*[1-9])?Z$/.test(v) && !Number.isNaN(Date.parse(v)), 'a time');
const each = (t) => (v) => { need(Array.isArray(v), 'an array'); v.forEach(t); };
const some = (t) => (v) => { each(t)(v); need(v.length, 'not empty'); };
const obj = (members) => (v) => {
  need(v !== null && typeof v === 'object' && !Array.isArray(v), 'an object');
  for (const k of Object.keys(v)) need(Object.hasOwn(members, k) || Object.hasOwn(members, k + '*'), 'member ' + k);
  for (const [k, t] of Object.entries(members)) {
    const name = k.replace('*', '');
    if (v[name] !== undefined) t(v[name]); else need(name === k, 'no ' + name);
  }
};
const ref = obj({ 'issuer*': str, 'jti*': str, 'index*': int });
const result = oneOf('PERMIT', 'REFER', 'DENY');
const decision = obj({
  'decision*': result, 'replaces_licence*': bool, 'unchecked_lists*': each(str),
  'reasons*': each(obj({ 'code*': str, 'class*': str, 'message*': str, authority: full, party: full, statement: ref, pointer: full })),
  'relied_on*': each(obj({ 'authority*': str, role: full, party: full, entity: full, legal_effect: full, registered: yes, consent: yes, 'statement*': ref })),
  attested: some(obj({ 'issuer*': str, 'jti*': str, 'pointer*': str, 'sha256*': str })),
  obligations: some(obj({ 'kind*': str, due: time, 'message*': str, 'authority*': str, 'statement*': ref, 'pointer*': str })),
  screened: some(obj({ 'name*': str, 'version*': str, 'digest*': str })),
  hindsight: obj({ 'decision*': str, 'codes*': each(str), 'statements*': each(ref) }), as_far_as_shown: yes,
  explanation: obj({
    'walk*': each(obj({ 'rule*': str, 'passed*': bool, untested: yes, 'message*': str, authority: full, party: full, statement: ref })),
    'changes*': each(obj({ 'code*': str, authority: full, party: full, 'found*': str, 'change*': str })),
  }),
  notes: some(str), warnings: some(str), next_change: time,
  'effective_at*': time, 'known_at*': time, 'checked_at*': time, 'status_evidence_at*': time, 'proven_until*': time, 'recheck_by*': time,
  'replay*': obj({ 'origin*': str, 'size*': int, 'request*': str, ledger: full, 'trust*': str, 'evidence*': str, disclosures: digest }), reference: full, requested_by: full,
});
const payload = obj({
  'checkpoint*': str, 'decision*': decision, disclosures: (v) => {
    some(digest)(v);
    need(v.length <= 512 && v.every((d, i) => i === 0 || v[i - 1] < d), 'ascending');
  }, 'evidence*': digest, 'iat*': (v) => need(V.isDate(v), 'a date'), 'iss*': str, 'request*': digest,
});

function form(bytes) {
  need(bytes.length <= 1024 * 1024, 'too large');
  const parts = decodeUTF8(bytes).split('.');
  need(parts.length === 3 && !parts.includes('') && parts.every((p) => b64url(p)), 'no compact JWS');
  const m = /^\{"alg":"([^"\\]*)","kid":"([^"\\]*)","typ":"safeconduct-decision\+jwt"\}$/.exec(b64url(parts[0]).toString('latin1'));
  need(m && isAlg(m[1]) && V.isThumbprint(m[2]) && b64url(m[2])?.length === 32, 'header');
  const r = parse(b64url(parts[1]), 'evidence'); // the strict form of evidence: RFC 8785, to the byte
  payload(r);
  need(!r.disclosures === !r.decision.replay.disclosures, 'disclosures that it was not decided by');
  return { ...r, alg: m[1], kid: m[2], input: Buffer.from(parts[0] + '.' + parts[1]), sig: b64url(parts[2]) };
}

const digestOf = (text) => H(Buffer.from(text)).toString('base64url');

// concealing gives of each digest the objects of approvals in the evidence that have it.
function concealing(x) {
  const held = new Map();
  for (const h of x.histories) for (const e of h.entries) {
    const { kind, claims } = x.shown.get(e.index).opened;
    if (kind !== 'entity' || claims.sub !== h.subject) continue;
    for (const o of concealingObjects(claims)) for (const d of o._sd) held.set(d, [...(held.get(d) ?? []), o]);
  }
  return held;
}

// verifyReceipt: files are {receipt, request (or null), evidence} as bytes, {disclosures} as texts, lists their names, versions and bytes.
// It gives {step, unchecked}, with step '' where all steps but replay have passed.
export function verifyReceipt(files, trust, lists) {
  let r, e, root, key, request;
  const steps = {
    form: () => { r = form(files.receipt); },
    evidence: () => { e = verifyEvidence(files.evidence, trust, Date.parse(r.decision.checked_at)); need(e.step === '', 'refused at ' + e.step); },
    key: () => {
      root = e.x.root;
      key = (root.claims.decision_keys ?? []).find((k) => thumbprint(k) === r.kid);
      need(key && !root.compromised.has(r.kid), 'no decision key');
    },
    signature: () => need(r.alg === key.alg && verifyJWK(key, r.input, r.sig), 'a false signature'),
    checkpoint: () => {
      const { origin, size } = r.decision.replay;
      need(r.iss === trust.origin && r.checkpoint === e.x.cp.text && origin === trust.origin && size === e.x.cp.size, 'another checkpoint');
    },
    'evidence-digest': () => need(r.decision.replay.evidence === e.found.evidence_digest && r.evidence === H(files.evidence).toString('base64url'), 'other evidence'),
    trust: () => need(r.decision.replay.trust === trust.digest, 'another trust'),
    request: () => {
      if (!files.request) return 'unchecked';
      const d = requestDigests(files.request);
      request = d.request;
      need(r.decision.replay.request === d.digests.request && r.request === d.asked, 'another request');
    },
    times: () => {
      if (!request) return 'unchecked';
      const at = (s) => Date.parse(s), iat = r.iat * 1000;
      need(at(r.decision.effective_at) === at(request.effective_at), 'effective_at');
      for (const k of ['known_at', 'checked_at']) {
        const t = at(r.decision[k]);
        need(request[k] != null ? t === at(request[k]) : Math.abs(t - iat) <= SKEW, k);
      }
      need(at(r.decision.status_evidence_at) <= iat + SKEW, 'older than its evidence');
    },
    lists: () => {
      const rest = lists.map((l) => ({ ...l, digest: H(l.bytes).toString('base64url') }));
      let missing = false;
      for (const s of r.decision.screened ?? []) {
        const i = rest.findIndex((l) => l.digest === s.digest);
        if (i < 0) { missing = true; continue; }
        need(rest[i].name === s.name && rest[i].version === s.version, 'a list of another name');
        rest.splice(i, 1);
      }
      need(rest.length === 0, 'a list that was not used');
      if (missing) return 'unchecked';
    },
    disclosures: () => {
      const named = r.disclosures ?? [], given = files.disclosures.map(digestOf);
      need(new Set(given).size === given.length, 'a disclosure twice');
      for (const d of given) need(named.includes(d), 'a disclosure that it does not go by');
      const held = concealing(e.x);
      for (const d of named) need(held.has(d), 'a disclosure of no approval');
      if (given.length < named.length) return 'unchecked';
      if (!named.length) return;
      // Each is what its approval says that it is.
      for (const text of files.disclosures) for (const o of held.get(digestOf(text))) disclose(text, o);
      need(r.decision.replay.disclosures === digestOf([...files.disclosures].sort().join('\n')), 'decided by other disclosures');
    },
  };
  let first = '';
  for (const [step, run] of Object.entries(steps)) {
    try {
      if (run() === 'unchecked') first ||= step;
    } catch (err) {
      if (!(err instanceof Refused)) throw err;
      return { step, unchecked: false, error: err };
    }
  }
  if (first) return { step: first, unchecked: true };
  return { step: '', unchecked: false, decision: r.decision.decision };
}
