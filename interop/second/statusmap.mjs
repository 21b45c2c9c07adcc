// The status map (section 6) and histories (section 7).
import { H, ZERO, u64be } from './keys.mjs';
import { Refused } from './json.mjs';

export function uvarint(n) { const out = []; while (n >= 128) { out.push((n % 128) | 128); n = Math.floor(n / 128); } return Buffer.from([...out, n]); }
const bit = (key, i) => (key[i >> 3] >> (7 - (i & 7))) & 1;
const leafNode = (key, value) => H(Buffer.from([0]), uvarint(32), key, uvarint(value.length), value);
const innerNode = (index, l, r) => H(Buffer.from([1]), uvarint(index), l, r);

export function mapRoot(entries) {
  if (entries.length === 0) return H();
  if (entries.length === 1) return leafNode(entries[0].key, entries[0].value);
  let i = 0;
  while (entries.every((e) => bit(e.key, i) === bit(entries[0].key, i))) i++;
  const side = (b) => mapRoot(entries.filter((e) => bit(e.key, i) === b));
  return innerNode(i, side(0), side(1));
}
// readUvarint: [value, next], or null. strict: in as few bytes as possible.
function readUvarint(b, at, strict) {
  let v = 0n;
  for (let i = 0; i < 10 && at + i < b.length; i++) {
    v |= BigInt(b[at + i] & 127) << BigInt(7 * i);
    if (b[at + i] < 128) {
      if ((strict && i > 0 && b[at + i] === 0) || v >= 2n ** 64n) return null;
      return [v > 0xffffffffn ? Infinity : Number(v), at + i + 1];
    }
  }
  return null;
}
function readPath(b, at, strict) {
  const path = [];
  let last = 256;
  while (at < b.length) {
    const r = readUvarint(b, at, strict);
    if (!r || r[0] >= last || r[1] + 32 > b.length) return null;
    path.push({ index: r[0], sibling: b.subarray(r[1], r[1] + 32) });
    last = r[0]; at = r[1] + 32;
  }
  return path;
}
export const hasPathForm = (proof) => readPath(proof, 0, false) !== null;
const climb = (h, key, path) => path.reduce((r, { index, sibling }) => (bit(key, index) === 0 ? innerNode(index, r, sibling) : innerNode(index, sibling, r)), h);
export function checkPresence(root, key, value, proof) {
  const path = readPath(proof, 0, true);
  return path !== null && climb(leafNode(key, value), key, path).equals(root);
}
export function checkAbsence(root, key, proof) {
  if (proof.length === 0) return root.equals(H());
  const k = readUvarint(proof, 0, true);
  if (!k || k[0] !== 32 || k[1] + 32 > proof.length) return false;
  const other = proof.subarray(k[1], k[1] + 32), v = readUvarint(proof, k[1] + 32, true);
  if (!v || v[1] + v[0] > proof.length) return false;
  const value = proof.subarray(v[1], v[1] + v[0]), path = readPath(proof, v[1] + v[0], true);
  if (!path || other.equals(key) || path.some((p) => bit(key, p.index) !== bit(other, p.index))) return false;
  return climb(leafNode(other, value), other, path).equals(root);
}

// 7.1
export const chainNext = (prev, l) => H(Buffer.from([2]), prev, u64be(l.index), u64be(l.time), l.leafHash, l.tag);
export const mapValue = (count, chain) => Buffer.concat([u64be(count), chain]);
export const chainOf = (links) => links.reduce(chainNext, ZERO);

// 7.2: add() gives the tag of the next statement in the history of its subject, or throws.
export class Lineages {
  #seen = new Set(); #tags = new Map(); #newest = new Map();
  add({ kind, iss, jti, supersedes, target }) {
    const id = iss + '\0' + jti, conflict = (why) => { throw new Refused('conflict', why); };
    if (this.#seen.has(id)) conflict('a name twice');
    let tag;
    if (kind === 'root' || kind === 'entity-event') tag = ZERO;
    else {
      const points = kind === 'event' || kind === 'succession', ref = points ? target : supersedes;
      tag = ref === undefined ? H(id) : this.#tags.get(iss + '\0' + ref);
      if (!tag) conflict('no such grant');
      const line = tag.toString('hex');
      if (!points) {
        if (ref !== undefined && this.#newest.get(line) !== ref) conflict('not the newest version');
        this.#tags.set(id, tag); this.#newest.set(line, jti);
      }
    }
    this.#seen.add(id);
    return tag;
  }
}
