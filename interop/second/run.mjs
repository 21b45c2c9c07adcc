// A second verifier, written from docs/format.md alone, to keep that page whole:
// it has no dependency but Node.js, and shares nothing with the Go code.
//
// Runs the vectors: node run.mjs [directory] [-v]
import { readFileSync } from 'node:fs';
import { isDeepStrictEqual } from 'node:util';
import { createHash, createPrivateKey, createPublicKey, createECDH, sign } from 'node:crypto';
import { Refused, parse, b64, b64url } from './json.mjs';
import * as V from './values.mjs';
import { H, parseVkey, thumbprint, jwkFault, verifyEd25519, LOG, COSIGNER } from './keys.mjs';
import * as Log from './log.mjs';
import * as Map_ from './statusmap.mjs';
import { parseStatement, openRoot, openWith } from './statement.mjs';
import { parsePolicy, parseTrust, latest } from './trust.mjs';
import { verifyEvidence, notShown, requestDigests } from './verify.mjs';
import { verifyReceipt } from './receipt.mjs';

const args = process.argv.slice(2), verbose = args.includes('-v');
const dir = args.find((a) => a !== '-v') ?? new URL('../../docs/vectors', import.meta.url).pathname;
const load = (f) => JSON.parse(readFileSync(`${dir}/${f}`, 'utf8'));
const bytesOf = (v) => (typeof v === 'string' ? Buffer.from(v) : Buffer.from(v.base64, 'base64'));
const hex = (s) => Buffer.from(s ?? '', 'hex');
const attempt = (f) => { try { return { value: f() }; } catch (e) { if (!(e instanceof Refused)) throw e; return { error: e }; } };
let total = 0;
function file(name, run) {
  const d = load(name), bad = [], notes = [];
  let passed = 0;
  const check = (label, got, want) => {
    if (isDeepStrictEqual(got, want)) passed++; else bad.push(`${label}: got ${JSON.stringify(got)?.slice(0, 400)}, want ${JSON.stringify(want)?.slice(0, 400)}`);
  };
  run(d, check, (n) => notes.push(n));
  total += bad.length;
  console.log(`${name}: ${passed} passed, ${bad.length} failed`);
  for (const b of bad) console.log('  MISMATCH ' + b);
  if (verbose) for (const n of notes) console.log('  note: ' + n);
  else if (notes.length) console.log(`  ${notes.length} notes (-v)`);
}

file('evidence.json', (d, check, note) => {
  const trusts = Object.fromEntries(Object.entries(d.trusts).map(([k, t]) => [k, parseTrust(Buffer.from(JSON.stringify(t)))]));
  for (const v of d.vectors) {
    const r = verifyEvidence(bytesOf(v.evidence), trusts[v.trust], Date.parse(v.checked_at));
    check(v.name, { step: r.step, found: r.found }, { step: v.step, found: v.found });
    if (r.error) note(`${v.name}: ${r.step}: ${r.error.message}`);
  }
});

file('statements.json', (d, check, note) => {
  const roots = {};
  for (const r of d.roots) {
    const st = parseStatement(r.statement);
    roots[r.name] = openRoot(st, r.previous ? roots[r.previous] : null);
    check('root ' + r.name, st.leafHash.toString('base64'), r.leaf_hash);
  }
  const open = (v) => { const st = parseStatement(bytesOf(v.statement).toString()); if (['root', 'freeze'].includes(st.kind)) { const r = openRoot(st, roots[v.root]); return r.freeze ?? r; } return openWith(st, roots[v.root]); };
  for (const v of d.valid) {
    const { value: s, error } = attempt(() => open(v));
    const got = s && { kind: s.kind, payload: s.payload, leaf_hash: s.leafHash.toString('base64'), subjects: s.subjects, kids: s.lines.map((l) => l.kid) };
    if (s?.kind === 'domain') got.terms_digest = H(JSON.stringify(s.claims.terms)).toString('base64');
    const { name, root, statement, ...want } = v;
    check(v.name, got ?? error.message, want);
  }
  for (const v of d.refused) {
    const { error } = attempt(() => open(v));
    check(v.name, !!error, true);
    if (error && (error.cls !== v.class || (error.pointer ?? '') !== (v.pointer ?? ''))) note(`${v.name}: ${error.cls} ${error.pointer} (${error.message}), vectors say ${v.class} ${v.pointer ?? ''}`);
  }
});

file('statusmap.json', (d, check) => {
  const holds = (p) => (p.absent ? Map_.checkAbsence(hex(p.root), hex(p.key), hex(p.proof)) : Map_.checkPresence(hex(p.root), hex(p.key), hex(p.value), hex(p.proof)));
  for (const m of d.maps) {
    check(m.name + ' root', Map_.mapRoot(m.entries.map((e) => ({ key: hex(e.key), value: hex(e.value) }))).toString('hex'), m.root);
    m.proofs.forEach((p, i) => check(`${m.name} proof ${i}`, holds(p), true));
  }
  for (const p of d.refused) check(p.name, holds(p), false);
});

file('checkpoints.json', (d, check) => {
  for (const v of d.checkpoints) {
    const c = Log.parseCheckpoint(v.note);
    check(v.name, c ? { origin: c.origin, size: c.size, root: c.root.toString('base64') } : null, v.ok ? { origin: v.origin, size: v.size, root: v.root } : null);
  }
  for (const v of d.signatures) {
    const k = parseVkey(v.vkey, LOG) ?? parseVkey(v.vkey, COSIGNER), p = Log.parseLine(v.line.slice(0, -1));
    const ok = !!p && Log.verifyLine(k, v.text, p);
    check(v.name, { ok, time: ok ? Number(p.time ?? 0) : 0 }, { ok: v.ok, time: v.time ?? 0 });
  }
  for (const v of d.merges) check('merge: ' + v.name, Log.mergeLines(v.checkpoint, v.more) ?? '', v.merged ?? '');
});

file('policies.json', (d, check) => {
  for (const v of d.policies) {
    const { value: p } = attempt(() => parsePolicy(v.policy));
    check(v.name, !!p, v.ok);
    for (const q of v.quorum ?? []) check(v.name + ' quorum', latest(p.quorum, (w) => q.cosigned[w.name] ?? null) ?? 0, q.latest);
  }
});

file('trusts.json', (d, check, note) => {
  for (const v of d.trusts) {
    const { value: t, error } = attempt(() => parseTrust(bytesOf(v.trust)));
    check(v.name, t ? { ok: true, age: t.maxAge, digest: t.digest } : { ok: false }, v.ok ? { ok: true, age: v.max_age_seconds, digest: v.digest } : { ok: false });
    if (error && error.pointer !== (v.pointer ?? '')) note(`${v.name}: ${error.message}, vectors say ${v.pointer}`);
  }
});

file('histories.json', (d, check) => {
  for (const v of d.lineages) {
    const l = new Map_.Lineages(), tags = [];
    for (const s of v.statements) { const r = attempt(() => l.add(s)); if (r.error) break; tags.push(r.value.toString('hex')); }
    check(v.name, tags, v.tags ?? []);
  }
  for (const v of d.shared) {
    const lineages = new Map(), tags = {};
    for (const s of v.statements) {
      const st = parseStatement(s), sub = st.claims.sub;
      if (!lineages.has(sub)) lineages.set(sub, new Map_.Lineages());
      const tag = lineages.get(sub).add({ kind: st.kind, ...st.claims }).toString('hex');
      for (const h of st.subjects) (tags[h] ??= []).push(tag);
    }
    check(v.name, tags, v.tags);
  }
  for (const c of d.chains) {
    check(c.subject + ' key', H(c.subject).toString('hex'), c.key);
    let chain = Buffer.alloc(32);
    c.links.forEach((l, i) => {
      chain = Map_.chainNext(chain, { index: l.index ?? 0, time: l.time, leafHash: hex(l.leaf_hash), tag: hex(l.tag) });
      check(`${c.subject} ${i}`, [chain.toString('hex'), Map_.mapValue(i + 1, chain).toString('hex')], [l.chain, l.value]);
    });
  }
});

file('statusleaf.json', (d, check) => {
  for (const v of d.vectors) {
    const l = Log.parseStatusLeaf(v.leaf);
    check(v.name, l ? [l.index, l.time, l.mapRoot.toString('hex'), l.previous, Log.leafHash(v.leaf).toString('base64')] : null,
      v.ok ? [v.index ?? 0, v.time ?? 0, v.map_root, v.previous ?? 0, v.leaf_hash] : null);
  }
});

file('json.json', (d, check) => {
  for (const v of d.vectors) check(v.name, ['payload', 'trust', 'request'].filter((f) => !attempt(() => parse(bytesOf(v.document), f)).error), v.forms ?? []);
});

file('values.json', (d, check) => {
  const kinds = {
    identifier: V.isIdentifier, authority: V.isAuthority, sandbox: V.isSandbox, site: V.isSite, jti: V.isJti, origin: V.isOrigin, amount: V.isAmount,
    country: (s) => V.COUNTRIES.has(s), currency: (s) => V.CURRENCIES.has(s), duration: (s) => V.duration(s) > 0,
  };
  for (const v of d.vectors) check(`${v.kind} ${v.value}`, V.isList(v.kind) ? V.entrySegments(v.kind, v.value) !== null : kinds[v.kind](v.value), v.ok ?? false);
});

file('log.json', (d, check) => {
  const leaves = d.leaves.map((l) => bytesOf(l)), hs = leaves.map(Log.leafHash), s64 = (b) => b.toString('base64');
  check('leaf hashes', hs.map(s64), d.leaf_hashes);
  d.roots.forEach((r, n) => check('root ' + n, s64(Log.treeRoot(hs.slice(0, n))), r));
  for (const p of d.inclusion) {
    const i = p.index ?? 0, n = p.size, proof = (p.proof ?? []).map((x) => b64(x));
    check(`inclusion ${i} of ${n}`, [Log.inclusionProof(i, hs.slice(0, n)).map(s64), Log.verifyInclusion(i, n, hs[i], proof, b64(d.roots[n]))], [p.proof ?? [], true]);
  }
  for (const p of d.consistency) check(`consistency ${p.old ?? 0} ${p.size}`, p.old ? Log.consistencyProof(p.old, hs.slice(0, p.size)).map(s64) : [], p.proof ?? []);
  for (const [path, want] of Object.entries(d.tiles)) { const t = Log.parseTilePath(path); check(path, t && s64(Log.tile(t, leaves)), want); }
  for (const [path, ok] of Object.entries(d.tile_paths)) check('path ' + path, Log.parseTilePath(path) !== null, ok);
  const p = Log.parseProof(d.tlog_proof);
  check('tlog-proof', [p?.index, p && Log.verifyInclusion(p.index, p.checkpoint.size, hs[p.index], p.proof, p.checkpoint.root)], [d.proof_index, true]);
  const b = Log.parseBackup(Buffer.from(d.backup, 'base64'));
  check('backup leaves', b?.leaves.map(s64), leaves.map(s64));
  check('backup checkpoints', b?.checkpoints.map((c) => c.note), d.checkpoints);
  d.checkpoints.forEach((c, i) => { const q = Log.parseCheckpoint(c); check('checkpoint ' + i, q && s64(q.root), q && d.roots[q.size]); });
  // the leaves themselves: batches, map roots (5.1, 6, 7)
  const subjects = new Map(), lineages = new Map(), batches = [];
  let batch = [], previous = -1;
  leaves.forEach((leaf, i) => {
    const s = Log.parseStatusLeaf(leaf.toString());
    if (!s) { batch.push({ index: i, st: parseStatement(leaf.toString()) }); return; }
    for (const { index, st } of batch) {
      if (!lineages.has(st.claims.sub)) lineages.set(st.claims.sub, new Map_.Lineages());
      const tag = lineages.get(st.claims.sub).add({ kind: st.kind, ...st.claims });
      for (const sub of st.subjects) {
        const v = subjects.get(sub) ?? { n: 0, chain: Buffer.alloc(32) };
        subjects.set(sub, { n: v.n + 1, chain: Map_.chainNext(v.chain, { index, time: s.time, leafHash: hs[index], tag }) });
      }
    }
    const root = Map_.mapRoot([...subjects].map(([k, v]) => ({ key: H(k), value: Map_.mapValue(v.n, v.chain) })));
    check('batch closed at ' + i, [batch.length > 0, s.index, s.previous, root.toString('hex')], [true, i, previous, s.mapRoot.toString('hex')]);
    batch = []; previous = i;
  });
});

file('keys.json', (d, check) => {
  for (const k of d.officers) {
    let priv, label = 'safeconduct vector key ' + k.name;
    if (k.jwk.kty === 'OKP') {
      priv = H(label);
      const msg = Buffer.from('x'), der = Buffer.concat([Buffer.from('302e020100300506032b657004220420', 'hex'), priv]);
      check(k.name + ' signs', verifyEd25519(b64url(k.jwk.x), msg, sign(null, msg, createPrivateKey({ key: der, format: 'der', type: 'pkcs8' }))), true);
    } else {
      priv = createHash(k.jwk.crv === 'P-256' ? 'sha256' : 'sha384').update(label).digest(); priv[0] = 0;
      const e = createECDH(k.jwk.crv === 'P-256' ? 'prime256v1' : 'secp384r1'); e.setPrivateKey(priv);
      check(k.name + ' public', e.getPublicKey('hex'), '04' + b64url(k.jwk.x).toString('hex') + b64url(k.jwk.y).toString('hex'));
    }
    check(k.name, [jwkFault(k.jwk), thumbprint(k.jwk), priv.toString('hex')], ['', k.kid, k.private]);
  }
  for (const k of d.notes) {
    const p = parseVkey(k.vkey, LOG) ?? parseVkey(k.vkey, COSIGNER);
    const der = Buffer.concat([Buffer.from('302e020100300506032b657004220420', 'hex'), hex(k.private)]);
    check(k.name, [p?.name, p?.hex], [k.name, createPublicKey(createPrivateKey({ key: der, format: 'der', type: 'pkcs8' })).export({ format: 'der', type: 'spki' }).subarray(-32).toString('hex')]);
  }
});

file('decisions.json', (d, check) => {
  const trusts = Object.fromEntries(Object.entries(d.trusts).map(([k, t]) => [k, parseTrust(Buffer.from(JSON.stringify(t)))]));
  for (const v of d.vectors) {
    const r = verifyEvidence(bytesOf(d.evidence[v.evidence]), trusts[v.trust], Date.parse(v.checked_at));
    const { request, digests } = requestDigests(bytesOf(v.request));
    const step = r.step || (notShown(request, r.x).length ? 'history' : '');
    check(v.name + ' step', step, v.step ?? '');
    for (const s of v.screened ?? []) check(`${v.name} ${s.name}`, H(d.lists[s.name]).toString('base64url'), s.digest);
    if (!step) check(v.name + ' replay', { origin: r.x.cp.origin, size: r.found.size, ...digests, trust: r.found.trust_digest, evidence: r.found.evidence_digest }, v.replay);
  }
});

file('receipts.json', (d, check, note) => {
  const trusts = Object.fromEntries(Object.entries(d.trusts).map(([k, t]) => [k, parseTrust(Buffer.from(JSON.stringify(t)))]));
  const list = (name) => ({ name, version: /^# version: (.*)$/m.exec(d.lists[name])[1], bytes: d.lists[name] });
  for (const v of d.vectors) {
    const files = { receipt: bytesOf(v.receipt), request: v.request ? Buffer.from(d.requests[v.request]) : null, evidence: bytesOf(d.evidence[v.evidence]), disclosures: (v.disclosures ?? []).map((n) => d.disclosures[n]) };
    const r = verifyReceipt(files, trusts[v.trust], (v.lists ?? []).map(list));
    // What only deciding again finds passes here.
    const step = v.step === 'replay' ? '' : v.step ?? '';
    check(v.name, [r.step, r.unchecked], [step, v.unchecked ?? false]);
    if (v.decision) check(v.name + ' decision', r.decision, v.decision);
    if (r.error) note(`${v.name}: ${r.step}: ${r.error.message}`);
  }
});
console.log(total ? `${total} mismatches` : 'no mismatch');
