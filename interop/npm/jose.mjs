// Verifies a JWS in compact form: by a JWK {token, jwk}, or by a set of those that
// a trust root lists {token, keys}. As JWT it is held against what there is of
// {typ, iss, aud}.
import { each } from './tasks.mjs';
import { calculateJwkThumbprint, compactVerify, createLocalJWKSet, importJWK, jwtVerify } from 'jose';

// A trust root names no kid: it is the thumbprint of RFC 7638.
const set = async (keys) => createLocalJWKSet({
  keys: await Promise.all(keys.map(async (jwk) => ({ ...jwk, kid: await calculateJwkThumbprint(jwk) }))),
});

await each(async ({ token, jwk, keys, typ, iss, aud }) => {
  const by = jwk ? await importJWK(jwk) : await set(keys);
  const algorithms = jwk ? [jwk.alg] : ['EdDSA', 'ES256', 'ES384'];
  const { payload, protectedHeader } = await compactVerify(token, by, { algorithms });
  await jwtVerify(token, by, { algorithms, typ, issuer: iss, audience: aud });
  return {
    payload: Buffer.from(payload).toString('base64'),
    header: protectedHeader,
    thumbprint: jwk && await calculateJwkThumbprint(jwk),
  };
});
