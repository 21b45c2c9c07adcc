// Keys and signatures (3.1, 4.1): JWK, verifier keys, Ed25519, ECDSA.
import { createHash, createPublicKey, verify } from 'node:crypto';
import { b64, b64url, canonical } from './json.mjs';

export const H = (...parts) => { const h = createHash('sha256'); for (const p of parts) h.update(p); return h.digest(); };
export const u64be = (n) => { const b = Buffer.alloc(8); b.writeBigUInt64BE(BigInt(n)); return b; };
export const ZERO = Buffer.alloc(32);

const P25519 = 2n ** 255n - 19n;
const little = (b) => BigInt('0x' + Buffer.from(b).reverse().toString('hex'));
const big = (b) => BigInt('0x' + Buffer.from(b).toString('hex'));
const clear = (b) => { const c = Buffer.from(b); c[31] &= 0x7f; return c; };
const SMALL = new Set([
  ...[0n, 1n, P25519 - 1n, P25519, P25519 + 1n].map((n) => Buffer.from(n.toString(16).padStart(64, '0'), 'hex').reverse().toString('hex')),
  '26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05',
  'c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a',
]);
export const smallOrder = (key) => SMALL.has(clear(key).toString('hex'));

const mod = (a, p) => ((a % p) + p) % p;
const CURVES = {
  'P-256': { size: 32, hash: 'sha256', p: 2n ** 256n - 2n ** 224n + 2n ** 192n + 2n ** 96n - 1n,
    b: 0x5ac635d8aa3a93e7b3ebbd55769886bc651d06b0cc53b0f63bce3c3e27d2604bn,
    n: 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n },
  'P-384': { size: 48, hash: 'sha384', p: 2n ** 384n - 2n ** 128n - 2n ** 96n + 2n ** 32n - 1n,
    b: 0xb3312fa7e23ee7e4988e056be3f82d19181d9c6efe8141120314088f5013875ac656398d8a2ed19d2a85c8edd3ec2aefn,
    n: 0xffffffffffffffffffffffffffffffffffffffffffffffffc7634d81f4372ddf581a0db248b0a77aecec196accc52973n },
};
const ALGS = { EdDSA: ['OKP', 'Ed25519'], ES256: ['EC', 'P-256'], ES384: ['EC', 'P-384'] };
export const isAlg = (a) => Object.hasOwn(ALGS, a);

// jwkFault says what is wrong with a JWK whose members are strings; '' for nothing.
export function jwkFault(k) {
  if (!isAlg(k.alg)) return 'alg';
  const [kty, crv] = ALGS[k.alg];
  if (k.kty !== kty || k.crv !== crv) return 'kty or crv';
  const x = b64url(k.x ?? '');
  if (kty === 'OKP') {
    if (k.y !== undefined || x?.length !== 32) return 'x';
    return smallOrder(x) ? 'small order' : '';
  }
  const c = CURVES[crv], y = b64url(k.y ?? '');
  if (x?.length !== c.size || y?.length !== c.size) return 'x or y';
  const [X, Y] = [big(x), big(y)];
  if (X >= c.p || Y >= c.p || mod(Y * Y - (X * X * X - 3n * X + c.b), c.p) !== 0n) return 'no point';
  return '';
}
export function thumbprint(k) {
  const m = k.kty === 'OKP' ? { crv: k.crv, kty: k.kty, x: k.x } : { crv: k.crv, kty: k.kty, x: k.x, y: k.y };
  return H(canonical(m)).toString('base64url');
}
const keyObjects = new Map();
function keyObject(jwk) {
  const id = thumbprint(jwk);
  if (!keyObjects.has(id)) keyObjects.set(id, createPublicKey({ key: { ...jwk }, format: 'jwk' }));
  return keyObjects.get(id);
}
const L25519 = 2n ** 252n + 27742317777372353535851937790883648493n;
export function verifyEd25519(key, msg, sig) {
  if (sig.length !== 64 || little(sig.subarray(32)) >= L25519) return false;
  const jwk = { kty: 'OKP', crv: 'Ed25519', x: Buffer.from(key).toString('base64url') };
  return verify(null, msg, keyObject(jwk), sig);
}
export function verifyJWK(jwk, msg, sig) {
  if (jwk.kty === 'OKP') return verifyEd25519(b64url(jwk.x), msg, sig);
  const c = CURVES[jwk.crv];
  if (sig.length !== 2 * c.size) return false;
  const r = big(sig.subarray(0, c.size)), s = big(sig.subarray(c.size));
  if (r <= 0n || r >= c.n || s <= 0n || s > c.n / 2n) return false;
  return verify(c.hash, msg, { key: keyObject(jwk), dsaEncoding: 'ieee-p1363' }, sig);
}

export const LOG = 1, COSIGNER = 4;
// parseVkey reads a verifier key of the type, or gives null.
export function parseVkey(s, type) {
  const m = /^([^+\p{White_Space}]+)\+([0-9a-f]{8})\+(.*)$/su.exec(s);
  const raw = m && b64(m[3]);
  if (!raw || raw.length !== 33 || raw[0] !== type) return null;
  const key = raw.subarray(1), id = H(m[1], '\n', raw).subarray(0, 4);
  if (id.toString('hex') !== m[2] || smallOrder(key)) return null;
  return { name: m[1], id: id.readUInt32BE(), type, key, hex: key.toString('hex'), vkey: s };
}
export const nameId = (k) => k.name + '+' + k.id;
