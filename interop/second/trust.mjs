// Trust files and policies (section 8).
import { Refused, malformed, parse, canonical, b64 } from './json.mjs';
import { H, parseVkey, nameId, LOG, COSIGNER } from './keys.mjs';
import { isOrigin, duration } from './values.mjs';

const invalid = (why, ptr) => { throw new Refused('invalid', why, ptr); };

export function parsePolicy(text) {
  const bad = (why) => invalid('policy: ' + why);
  if (/[\0-\x08\x0b-\x1f\x7f]/.test(text)) bad('a control character');
  const rows = text.split('\n');
  if (rows.at(-1) === '') rows.pop();
  if (rows.length > 1000) bad('more than 1,000 lines');
  const logs = [], nodes = new Map(), grouped = new Set(), vkeys = new Set();
  let quorum = null;
  const url = (u) => { if (u !== undefined && !/^https?:\/\//.test(u)) bad('URL'); };
  const key = (s, type, same) => {
    const k = parseVkey(s, type);
    if (!k || same.some((o) => o.hex === k.hex) || vkeys.has(nameId(k))) bad('key');
    vkeys.add(nameId(k));
    return k;
  };
  const define = (name, node) => { if (name === 'none' || nodes.has(name)) bad('name'); nodes.set(name, { name, ...node }); };
  for (const row of rows) {
    const items = row.split(/[ \t]+/).filter((i) => i !== '');
    if (items.length === 0 || items[0].startsWith('#')) continue;
    const [word, ...a] = items;
    if (word === 'log' && (a.length === 1 || a.length === 2)) { url(a[1]); logs.push(key(a[0], LOG, logs)); }
    else if (word === 'witness' && (a.length === 2 || a.length === 3)) {
      url(a[2]);
      define(a[0], { key: key(a[1], COSIGNER, [...nodes.values()].flatMap((n) => n.key ?? [])) });
    } else if (word === 'group' && a.length >= 3) {
      const [name, k, ...members] = a;
      const n = k === 'all' ? members.length : k === 'any' ? 1 : /^[1-9][0-9]{0,3}$/.test(k) ? Number(k) : 0;
      if (n < 1 || n > members.length) bad('threshold');
      for (const m of members) { if (!nodes.has(m) || grouped.has(m)) bad('member'); grouped.add(m); }
      define(name, { k: n, members: members.map((m) => nodes.get(m)) });
    } else if (word === 'quorum' && a.length === 1) {
      if (quorum || !nodes.has(a[0])) bad('quorum');
      quorum = nodes.get(a[0]);
    } else bad('line');
  }
  if (!quorum) bad('no quorum');
  return { logs, nodes, quorum };
}
export const witnesses = (node) => (node.key ? [node] : node.members.flatMap(witnesses));
// latest: time(witness) gives the time of its cosignature, or null; the latest T of a node, or null.
export function latest(node, time) {
  if (node.key) return time(node);
  const ts = node.members.map((m) => latest(m, time)).filter((t) => t !== null).sort((a, b) => b - a);
  return ts.length >= node.k ? ts[node.k - 1] : null;
}

export function parseTrust(bytes) {
  if (bytes.length > 256 * 1024) throw new Refused('too-large', 'trust');
  const d = parse(bytes, 'trust');
  const types = { insecure_operator_clock: 'boolean', insecure_unmirrored: 'boolean', max_status_age: 'string', origin: 'string', policy: 'string', root: 'object' };
  const members = (v, ts, p) => {
    if (v === null || typeof v !== 'object' || Array.isArray(v)) malformed('type', p);
    for (const [k, m] of Object.entries(v)) if (!Object.hasOwn(ts, k) || typeof m !== ts[k] || Array.isArray(m)) malformed('member', p + '/' + k);
  };
  const need = (v, k, p) => { if (v?.[k] === undefined) invalid('absent', p + '/' + k); };
  members(d, types, '');
  for (const k of ['max_status_age', 'origin', 'policy', 'root']) need(d, k, '');
  members(d.root, { leaf_hash: 'string', version: 'number' }, '/root');
  for (const k of ['leaf_hash', 'version']) need(d.root, k, '/root');
  const leafHash = b64(d.root.leaf_hash), maxAge = duration(d.max_status_age);
  if (!isOrigin(d.origin)) invalid('origin', '/origin');
  if (!maxAge) invalid('duration', '/max_status_age');
  if (leafHash?.length !== 32) invalid('leaf hash', '/root/leaf_hash');
  if (d.root.version < 1) invalid('version', '/root/version');
  let policy;
  try { policy = parsePolicy(d.policy); } catch (e) { invalid(e.message, '/policy'); }
  if (policy.logs.length && !policy.logs.some((k) => k.name === d.origin)) invalid('logs of another register', '/policy');
  const digest = { ...d };
  for (const k of ['insecure_operator_clock', 'insecure_unmirrored']) if (!d[k]) delete digest[k];
  return {
    origin: d.origin, maxAge, policy, version: d.root.version, leafHash, operatorClock: d.insecure_operator_clock === true,
    unmirrored: d.insecure_unmirrored === true, digest: H(canonical(digest)).toString('base64url'),
  };
}
