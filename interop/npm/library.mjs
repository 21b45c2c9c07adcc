// @sd-jwt/core as its manual has it set up: it asks whoever uses it for a hash and
// for signatures, which are Node's and jose's.
import { createHash } from 'node:crypto';
import { SDJwtInstance } from '@sd-jwt/core';
import { CompactSign, compactVerify, importJWK } from 'jose';

const hasher = (data, alg) => {
  if (alg !== 'sha-256') throw new Error(`a hash by ${alg}`);
  return new Uint8Array(createHash('sha256').update(data).digest());
};

// The library has cut the token; jose takes it whole, and the one alg of the key.
async function good(jwk, data, signature) {
  try {
    await compactVerify(`${data}.${signature}`, await importJWK(jwk), { algorithms: [jwk.alg] });
    return true;
  } catch {
    return false;
  }
}

// verifier verifies what the issuer of that key has signed, and the holder that is
// named in it.
export const verifier = (issuer) => new SDJwtInstance({
  hasher,
  verifier: (data, signature) => good(issuer, data, signature),
  kbVerifier: (data, signature, payload) => good(payload.cnf.jwk, data, signature),
});

// holder signs key bindings.
export const holder = (jwk) => new SDJwtInstance({
  hasher,
  kbSignAlg: jwk.alg,
  kbSigner: async (input) => {
    const [header, payload] = input.split('.');
    const signed = await new CompactSign(Buffer.from(payload, 'base64url'))
      .setProtectedHeader(JSON.parse(Buffer.from(header, 'base64url')))
      .sign(await importJWK(jwk));
    if (!signed.startsWith(`${input}.`)) throw new Error('jose has signed something else');
    return signed.slice(input.length + 1);
  },
});
