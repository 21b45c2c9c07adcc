// The log (section 5) and its files (section 13).
import { b64, compareUTF8 } from './json.mjs';
import { H, nameId, verifyEd25519, LOG } from './keys.mjs';
import { isOrigin } from './values.mjs';

export const leafHash = (leaf) => H(Buffer.from([0]), leaf);
export const nodeHash = (l, r) => H(Buffer.from([1]), l, r);
const split = (n) => { let k = 1; while (k * 2 < n) k *= 2; return k; };
export function treeRoot(hs) {
  if (hs.length === 0) return H();
  if (hs.length === 1) return hs[0];
  const k = split(hs.length);
  return nodeHash(treeRoot(hs.slice(0, k)), treeRoot(hs.slice(k)));
}
export function inclusionProof(m, hs) {
  if (hs.length <= 1) return [];
  const k = split(hs.length);
  return m < k ? [...inclusionProof(m, hs.slice(0, k)), treeRoot(hs.slice(k))]
    : [...inclusionProof(m - k, hs.slice(k)), treeRoot(hs.slice(0, k))];
}
export function consistencyProof(m, hs, whole = true) {
  if (m === hs.length) return whole ? [] : [treeRoot(hs)];
  const k = split(hs.length);
  return m <= k ? [...consistencyProof(m, hs.slice(0, k), whole), treeRoot(hs.slice(k))]
    : [...consistencyProof(m - k, hs.slice(k), false), treeRoot(hs.slice(0, k))];
}
// verifyInclusion: proof in RFC 6962's order.
export function verifyInclusion(index, size, leaf, proof, root) {
  if (index >= size) return false;
  let fn = index, sn = size - 1, r = leaf;
  const half = (x) => Math.floor(x / 2);
  for (const p of proof) {
    if (sn === 0) return false;
    if (fn % 2 || fn === sn) {
      r = nodeHash(p, r);
      while (fn !== 0 && fn % 2 === 0) { fn = half(fn); sn = half(sn); }
    } else r = nodeHash(r, p);
    fn = half(fn); sn = half(sn);
  }
  return sn === 0 && r.equals(root);
}
export const hashes = (buf) => { const out = []; for (let i = 0; i < buf.length; i += 32) out.push(buf.subarray(i, i + 32)); return out; };

export function decimal(s) {
  if (!/^(0|[1-9][0-9]{0,15})$/.test(s)) return null;
  return Number.isSafeInteger(Number(s)) ? Number(s) : null;
}
const hash32 = (s) => { const b = b64(s); return b?.length === 32 ? b : null; };

// parseStatusLeaf reads a status leaf (5.1), or gives null.
export function parseStatusLeaf(text) {
  const l = text.split('\n');
  if (l.length !== 6 || l[5] !== '' || l[0] !== 'safeconduct/status/v1') return null;
  const index = decimal(l[1]), time = decimal(l[2]), mapRoot = hash32(l[3]);
  const previous = l[4] === '-' ? -1 : decimal(l[4]);
  if (index === null || time === null || !mapRoot || previous === null || previous >= index) return null;
  return { index, time, mapRoot, previous };
}

// parseLine reads one signature line without its newline, or gives null.
export function parseLine(line) {
  const m = /^\u2014 ([^+\p{White_Space}]+) ([A-Za-z0-9+/]+={0,2})$/u.exec(line);
  const raw = m && b64(m[2]);
  if (!raw || raw.length < 5) return null;
  const p = { line: line + '\n', name: m[1], id: raw.readUInt32BE(), raw, group: raw.length === 68 ? 0 : 1 };
  if (raw.length === 76) p.time = raw.readBigUInt64BE(4);
  return p;
}
export const lineOrder = (a, b) => a.group - b.group || compareUTF8(a.name, b.name) || a.id - b.id;

// parseCheckpoint reads a checkpoint (5.2), whoever signed, or gives null.
export function parseCheckpoint(note) {
  if (!note.endsWith('\n') || /[\0-\x09\x0b-\x1f]/.test(note)) return null;
  const l = note.slice(0, -1).split('\n');
  if (l.length < 5 || l[3] !== '' || l.length > 104) return null;
  const size = decimal(l[1]), root = hash32(l[2]);
  if (!isOrigin(l[0]) || size === null || !root) return null;
  const lines = l.slice(4).map(parseLine);
  if (lines.includes(null)) return null;
  return { origin: l[0], size, root, text: l.slice(0, 3).join('\n') + '\n', lines };
}
// verifyLine: whether a line of the key is valid for the text.
export function verifyLine(key, text, p) {
  if (p.name !== key.name || p.id !== key.id) return false;
  if (key.type === LOG) return p.raw.length === 68 && verifyEd25519(key.key, Buffer.from(text), p.raw.subarray(4));
  if (p.raw.length !== 76) return false;
  const msg = Buffer.from(`cosignature/v1\ntime ${p.time}\n${text}`);
  return verifyEd25519(key.key, msg, p.raw.subarray(12));
}
// mergeLines puts lines onto a checkpoint; null where that is refused.
export function mergeLines(note, more) {
  const c = parseCheckpoint(note);
  if (!c) return null;
  const all = [...c.lines];
  for (const m of more) {
    if (!m.endsWith('\n')) return null;
    const ls = m.slice(0, -1).split('\n').map(parseLine);
    if (ls.includes(null)) return null;
    all.push(...ls);
  }
  const kept = new Map();
  for (const p of all) {
    const k = p.group + nameId(p), old = kept.get(k);
    if (!old || (p.time !== undefined && old.time !== undefined && p.time > old.time)) kept.set(k, p);
  }
  if (kept.size > 100) return null;
  return c.text + '\n' + [...kept.values()].sort(lineOrder).map((p) => p.line).join('');
}
// parseProof reads a C2SP tlog-proof without extra data.
export function parseProof(text) {
  const m = /^c2sp\.org\/tlog-proof@v1\nindex ([0-9]+)\n((?:[A-Za-z0-9+/=]+\n)*)\n(.*)$/su.exec(text);
  const index = m && decimal(m[1]), proof = m?.[2].split('\n').slice(0, -1).map(hash32), checkpoint = m && parseCheckpoint(m[3]);
  return m && index !== null && !proof.includes(null) && checkpoint ? { index, proof, checkpoint } : null;
}

// parseTilePath reads the path of a tile, or gives null.
export function parseTilePath(path) {
  const m = /^tile\/(entries|0|[1-9][0-9]?)\/((?:x[0-9]{3}\/)*[0-9]{3})(?:\.p\/([1-9][0-9]{0,2}))?$/.exec(path);
  if (!m || (m[1] !== 'entries' && Number(m[1]) > 63) || /^x000\//.test(m[2])) return null;
  const n = BigInt(m[2].replace(/[x/]/g, '')), width = m[3] === undefined ? 256 : Number(m[3]);
  if (n > 2n ** 45n - 1n || (m[3] !== undefined && width > 255)) return null;
  return { level: m[1], n: Number(n), width };
}
// tile makes the bytes of a tile of the leaves, or null where there is none.
export function tile({ level, n, width }, leaves) {
  let rows;
  if (level === 'entries') rows = leaves.map((l) => { const b = Buffer.alloc(2); b.writeUInt16BE(l.length); return Buffer.concat([b, l]); });
  else {
    rows = leaves.map(leafHash);
    for (let i = 0; i < Number(level); i++) { const up = []; for (let j = 0; j + 256 <= rows.length; j += 256) up.push(treeRoot(rows.slice(j, j + 256))); rows = up; }
  }
  const part = rows.slice(n * 256, n * 256 + width);
  return part.length === width ? Buffer.concat(part) : null;
}
// parseBackup reads a backup stream: leaves and checkpoints.
export function parseBackup(buf) {
  const head = 'safeconduct/backup/v1\n', out = { leaves: [], checkpoints: [] };
  if (buf.subarray(0, head.length).toString('latin1') !== head) return null;
  let at = head.length, last = '';
  while (at < buf.length) {
    if (at + 5 > buf.length) return null;
    last = String.fromCharCode(buf[at]);
    const n = buf.readUInt32BE(at + 1), body = buf.subarray(at + 5, at + 5 + n);
    if (body.length !== n) return null;
    if (last === 'L' && n <= 61440) out.leaves.push(body);
    else if (last === 'C' && n <= 65536) {
      const c = parseCheckpoint(body.toString());
      if (!c || c.size !== out.leaves.length || out.checkpoints.at(-1)?.size === c.size || !parseStatusLeaf(out.leaves.at(-1).toString())) return null;
      if (!c.root.equals(treeRoot(out.leaves.map(leafHash)))) return null;
      out.checkpoints.push({ ...c, note: body.toString() });
    } else return null;
    at += 5 + n;
  }
  return last === 'C' ? out : null;
}
