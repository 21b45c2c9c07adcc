// Evidence (section 9): verifyEvidence, and digests (section 10).
import { Refused, parse, canonical, b64, compareUTF8 } from './json.mjs';
import { H, ZERO, parseVkey, nameId, LOG, COSIGNER } from './keys.mjs';
import { parseCheckpoint, parseStatusLeaf, verifyInclusion, verifyLine, lineOrder, leafHash, hashes } from './log.mjs';
import { checkAbsence, checkPresence, hasPathForm, chainOf, mapValue, Lineages } from './statusmap.mjs';
import { parseStatement, openRoot, openWith } from './statement.mjs';
import { latest, witnesses } from './trust.mjs';

const SKEW = 5 * 60 * 1000;
const fail = (why) => { throw new Refused('evidence', why); };
const need = (ok, why) => { if (!ok) fail(why); };

const SUBJECT = /^[a-z]{1,16}(:[A-Za-z0-9./:_-]{1,300})?$/;
function parseEvidence(bytes) {
  need(bytes.length <= 4 * 1024 * 1024, 'too large');
  const d = parse(bytes, 'evidence');
  const obj = (v, all, maybe = []) => {
    need(v !== null && typeof v === 'object' && !Array.isArray(v), 'an object');
    for (const k of Object.keys(v)) need(all.includes(k) || maybe.includes(k), 'member ' + k);
    for (const k of all) need(v[k] !== undefined, 'no ' + k);
    return v;
  };
  const str = (v) => { need(typeof v === 'string', 'a string'); return v; };
  const int = (v) => { need(typeof v === 'number' && v >= 0, 'an integer'); return v; };
  const arr = (v) => { need(Array.isArray(v), 'an array'); return v; };
  const bin = (v) => b64(str(v)) ?? fail('base64');
  const leafProof = (v) => {
    if (v === undefined) return null;
    const p = bin(v);
    need(p.length && p.length % 32 === 0 && p.length <= 64 * 32, 'an inclusion proof');
    return hashes(p).reverse();
  };
  const ascend = (a, by, cmp = (x, y) => x - y) => a.forEach((e, i) => need(!i || cmp(by(a[i - 1]), by(e)) < 0, 'order'));
  obj(d, ['checkpoint', 'histories', 'statements', 'status', 'type']);
  need(d.type === 'safeconduct/evidence/v1', 'type');
  let stubs = 0;
  const histories = arr(d.histories).map((h) => {
    obj(h, ['proof', 'subject'], ['entries', 'stubs']);
    need(SUBJECT.test(str(h.subject)), 'subject');
    const out = { subject: h.subject, key: H(h.subject), proof: bin(h.proof), entries: [], stubs: [] };
    if (h.entries !== undefined) {
      need(arr(h.entries).length, 'no entries');
      out.entries = h.entries.map((e) => {
        obj(e, ['index', 'time'], ['tag']);
        const tag = e.tag === undefined ? ZERO : bin(e.tag);
        need(tag.length === 32 && (e.tag === undefined || !tag.equals(ZERO)), 'tag');
        return { index: int(e.index), time: int(e.time), tag };
      });
    }
    if (h.stubs !== undefined) {
      const b = bin(h.stubs), num = (at) => { const n = b.readBigUInt64BE(at); need(n <= Number.MAX_SAFE_INTEGER, 'number'); return Number(n); };
      need(b.length && b.length % 80 === 0, 'stubs');
      for (let i = 0; i < b.length; i += 80) out.stubs.push({ stub: true, index: num(i), time: num(i + 8), leafHash: b.subarray(i + 16, i + 48), tag: b.subarray(i + 48, i + 80) });
      stubs += out.stubs.length;
    }
    ascend(out.entries, (e) => e.index); ascend(out.stubs, (e) => e.index);
    out.elements = [...out.entries, ...out.stubs].sort((a, b) => a.index - b.index);
    ascend(out.elements, (e) => e.index);
    return out;
  });
  ascend(histories, (h) => h.subject, compareUTF8);
  const statements = arr(d.statements).map((s) => {
    obj(s, ['index', 'statement'], ['proof']);
    return { index: int(s.index), text: str(s.statement), proof: leafProof(s.proof), leafHash: leafHash(Buffer.from(s.statement)) };
  });
  ascend(statements, (s) => s.index);
  need(histories.length <= 1000 && statements.length <= 10000 && stubs <= 40000, 'too many');
  obj(d.status, ['index', 'leaf'], ['proof']);
  const status = { index: int(d.status.index), leaf: str(d.status.leaf), proof: leafProof(d.status.proof) ?? [] };
  return { checkpoint: str(d.checkpoint), histories, statements, status, shown: new Map(statements.map((s) => [s.index, s])) };
}

function stepRoot(x, trust) {
  const h = x.histories.find((y) => y.subject === 'root');
  need(h?.entries.length, 'no history of root with an entry');
  const first = h.entries[0].index;
  need(h.elements[0].index === 0, 'the first element is not leaf 0');
  need(h.stubs.every((s) => s.index < first), 'a stub after an entry');
  need(x.statements.every((s) => s.index >= first), 'a statement before the first root');
  x.roots = [];
  for (const e of h.entries) {
    const s = x.shown.get(e.index) ?? fail('a root that is not shown');
    const st = parseStatement(s.text), before = x.roots.at(-1) ?? null;
    const r = openRoot(st, before, h.stubs.length > 0 && !before);
    need(before || r.claims.version === h.stubs.length + 1, 'version');
    need(r.claims.aud === trust.origin, 'aud');
    x.roots.push({ ...r, index: e.index });
    s.opened = r.freeze ?? r;
    delete x.roots.at(-1).freeze;
  }
  need(x.roots.some((r) => r.claims.version === trust.version && r.leafHash.equals(trust.leafHash)), 'the pinned version');
  x.rootAt = (i) => x.roots.findLast((r) => r.index <= i);
}

function stepCheckpoint(x, trust) {
  const c = (x.cp = parseCheckpoint(x.checkpoint) ?? fail('no checkpoint'));
  need(c.origin === trust.origin && c.size > 0, 'origin or size');
  x.root = x.rootAt(c.size - 1) ?? fail('no root');
  x.logKeys = x.root.claims.log_keys.map((s) => parseVkey(s, LOG));
  x.cosigners = (x.root.claims.cosigners ?? []).map((s) => ({ ...s, key: parseVkey(s.vkey, COSIGNER) }));
  x.quorum = witnesses(trust.policy.quorum);
  const known = new Map();
  for (const k of [...x.logKeys, ...x.cosigners.map((s) => s.key), ...x.quorum.map((w) => w.key)]) {
    const old = known.get(nameId(k));
    need(!old || (old.type === k.type && old.hex === k.hex), 'two keys of one name and id');
    known.set(nameId(k), k);
  }
  const logs = [];
  x.cosigned = [];
  c.lines.forEach((p, i) => {
    const k = known.get(nameId(p));
    need(k && verifyLine(k, c.text, p), 'a line');
    need(!i || lineOrder(c.lines[i - 1], p) < 0, 'the order of lines');
    if (k.type === LOG) logs.push(k);
    else { need(p.time >= 1n && p.time <= 253402300799n, 'the time of a cosignature'); x.cosigned.push({ hex: k.hex, time: Number(p.time) }); }
  });
  need(logs.length, 'no line of the log');
  need(!trust.policy.logs.length || logs.some((k) => trust.policy.logs.some((p) => p.hex === k.hex)), "no line of the policy's logs");
}

function stepQuorum(x, trust, checkedAt) {
  const listed = (w) => x.cosigners.filter((s) => s.key.hex === w.key.hex);
  const operator = (w) => listed(w).some((s) => s.operator) || x.logKeys.some((k) => k.hex === w.key.hex);
  const mirror = (w) => listed(w).length > 0 && listed(w).every((s) => s.role === 'mirror');
  const counts = (w) => trust.operatorClock || !operator(w);
  const alone = latest(trust.policy.quorum, (w) => (counts(w) && !(mirror(w) && !operator(w)) ? 1 : null)) !== null;
  need(trust.unmirrored || !alone, 'a quorum without an outside mirror');
  x.E = latest(trust.policy.quorum, (w) => {
    const ts = x.cosigned.filter((s) => s.hex === w.key.hex && s.time * 1000 <= checkedAt + SKEW).map((s) => s.time);
    return counts(w) && ts.length ? Math.max(...ts) : null;
  });
  need(x.E !== null, 'no quorum');
  x.warnings = [];
  if (trust.operatorClock && x.quorum.some(operator)) x.warnings.push('insecure_operator_clock');
  if (trust.unmirrored && alone) x.warnings.push('insecure_unmirrored');
}

function stepStatusLeaf(x) {
  const s = x.status, l = (x.leaf = parseStatusLeaf(s.leaf) ?? fail('no status leaf'));
  need(s.index === x.cp.size - 1 && l.index === s.index, 'index');
  need(verifyInclusion(s.index, x.cp.size, leafHash(s.leaf), s.proof, x.cp.root), 'inclusion');
  need(l.time <= x.E * 1000 + SKEW, 'ahead of the cosignatures');
}

function stepMap(x) {
  for (const h of x.histories)
    need(hasPathForm(h.proof) || (!h.elements.length && checkAbsence(x.leaf.mapRoot, h.key, h.proof)), 'proof of ' + h.subject);
}

function stepHistory(x, trust) {
  const given = new Map();
  for (const h of x.histories) {
    const isRoot = h.subject === 'root', tags = new Set(h.entries.map((e) => e.tag.toString('hex')));
    if (h.stubs.length) need(!trust.unmirrored && (isRoot || /^entity:.*\//.test(h.subject)), 'stubs in ' + h.subject);
    for (const s of h.stubs) need(!x.shown.has(s.index) && s.tag.equals(ZERO) === isRoot && (isRoot || !tags.has(s.tag.toString('hex'))), 'a stub of ' + h.subject);
    h.chain = ZERO;
    if (!h.elements.length) { need(!hasPathForm(h.proof), 'no proof of absence of ' + h.subject); continue; }
    let time = 0;
    for (const e of h.elements) {
      if (!e.stub) {
        e.leafHash = (x.shown.get(e.index) ?? fail('a statement that is not shown')).leafHash;
        const same = e.time + ' ' + e.tag.toString('hex');
        need((given.get(e.index) ?? same) === same, 'two times or tags of one statement');
        given.set(e.index, same);
      }
      need(e.index < x.leaf.index && e.time >= time && e.time <= x.leaf.time, 'index or time of an element');
      time = e.time;
    }
    h.chain = chainOf(h.elements);
    need(checkPresence(x.leaf.mapRoot, h.key, mapValue(h.elements.length, h.chain), h.proof), 'presence of ' + h.subject);
  }
  const none = x.statements.every((s) => s.proof === null);
  for (const s of x.statements) {
    need(given.has(s.index), 'a statement of no history');
    need(none ? !trust.unmirrored : s.proof && verifyInclusion(s.index, x.cp.size, s.leafHash, s.proof, x.cp.root), 'inclusion of ' + s.index);
  }
}

function stepSignatures(x) {
  for (const s of x.statements) {
    if (s.opened) continue;
    const st = parseStatement(s.text), root = x.rootAt(s.index);
    s.opened = ['root', 'freeze'].includes(st.kind) ? openRoot(st, root) : openWith(st, root);
  }
  for (const h of x.histories) {
    const lineages = new Lineages();
    for (const e of h.entries) {
      const st = x.shown.get(e.index).opened;
      need(st.subjects.includes(h.subject), 'a statement that is not about ' + h.subject);
      if (st.claims.sub === h.subject) need(lineages.add({ kind: st.kind, ...st.claims }).equals(e.tag), 'tag');
    }
  }
}

export function evidenceDigest(x) {
  const rows = x.histories.map((h) => `${h.subject} ${h.elements.length} ${h.chain.toString('base64')}\n`);
  return H(x.cp.text + '\n' + rows.join('')).toString('base64url');
}
const iso = (ms) => new Date(ms).toISOString().replace(/\.?0*Z$/, 'Z');

// verifyEvidence: trust as of parseTrust, checkedAt in Unix milliseconds. {step: '', found, x} or {step, error}.
export function verifyEvidence(bytes, trust, checkedAt) {
  let x, step;
  try {
    step = 'parse'; x = parseEvidence(bytes);
    step = 'root'; stepRoot(x, trust);
    step = 'checkpoint'; stepCheckpoint(x, trust);
    step = 'quorum'; stepQuorum(x, trust, checkedAt);
    step = 'status-leaf'; stepStatusLeaf(x);
    step = 'map'; stepMap(x);
    step = 'history'; stepHistory(x, trust);
    step = 'signatures'; stepSignatures(x);
  } catch (e) {
    if (!(e instanceof Refused)) throw e;
    return { step, error: e };
  }
  return {
    step: '', x, found: {
      size: x.cp.size, root_version: x.root.claims.version, last_batch: iso(x.leaf.time), proven_until: iso(x.E * 1000),
      trust_digest: trust.digest, evidence_digest: evidenceDigest(x),
      subjects: Object.fromEntries(x.histories.map((h) => [h.subject, [h.elements.length, h.stubs.length]])),
      ...(x.warnings.length ? { warnings: x.warnings } : {}),
    },
  };
}

// notShown gives the subjects that a request touches (9.1) and the evidence does not show.
export function notShown(request, x) {
  const shown = new Map(x.histories.map((h) => [h.subject, h])), want = new Set();
  const opened = (s) => (shown.get(s)?.entries ?? []).map((e) => x.shown.get(e.index).opened);
  const entity = (id) => touch('entity:' + id), idOf = (sub) => sub.slice('entity:'.length).split('/')[0];
  // touch meets a subject, and what the mergers and successions of its history lead to
  function touch(subject) {
    if (want.has(subject)) return;
    want.add(subject);
    for (const { kind, claims: c } of opened(subject)) {
      if (kind === 'entity-event' && c.event === 'merger') { touch(c.sub); entity(c.survivor); }
      if (kind === 'succession') { touch(c.sub); touch(`entity:${c.successor}/${c.iss}`); entity(idOf(c.sub)); entity(c.successor); }
    }
  }
  touch('root');
  let authorities = request.authority != null ? [request.authority] : [];
  if (request.sandbox != null) {
    const s = 'sandbox:' + request.sandbox;
    touch(s);
    authorities = opened(s).filter((st) => st.kind === 'domain').flatMap((st) => st.claims.terms.authorities);
  }
  const parties = [request.transferor, request.transferee, ...[request.via ?? []].flat(), request.end_user].filter((p) => p != null);
  for (const p of parties) {
    entity(p);
    const names = [p, ...opened('entity:' + p).filter((st) => st.kind === 'registration').map((st) => idOf(st.claims.sub))];
    for (const e of names) { entity(e); for (const a of authorities) touch(`entity:${e}/${a}`); }
  }
  if (['reexport', 'retransfer'].includes(request.act) && request.originating_authority != null && request.consent_ref != null)
    touch(`consent:${request.originating_authority}/${request.consent_ref}`);
  return [...want].filter((s) => !shown.has(s));
}
// requestDigests (10), of a request whose amounts and times are written as the digest wants them.
export function requestDigests(bytes) {
  const d = parse(bytes, 'request'), out = {};
  const drop = (v) => (Array.isArray(v) ? v.map(drop) : v !== null && typeof v === 'object' ? Object.fromEntries(Object.entries(v).filter(([, m]) => m !== null).map(([k, m]) => [k, drop(m)])) : v);
  const r = drop(d), dig = (v) => H(canonical(v)).toString('base64url'), asked = dig(r);
  for (const k of ['effective_at', 'known_at', 'checked_at']) delete r[k];
  out.request = dig(r);
  if (r.ledger) out.ledger = dig(r.ledger);
  return { request: d, digests: out, asked };
}
