// Verifies SD-JWTs with key binding: {sd_jwt, jwk, aud, nonce}, jwk the issuer's.
import { each } from './tasks.mjs';
import { verifier } from './library.mjs';

await each(async ({ sd_jwt, jwk, aud, nonce }) => {
  const { payload, header, kb } = await verifier(jwk).verify(sd_jwt, { keyBindingNonce: nonce });
  // The library leaves these two to whoever uses it.
  if (header.typ !== 'dc+sd-jwt') throw new Error(`typ is ${header.typ}`);
  if (kb.payload.aud !== aud) throw new Error(`it is for ${kb.payload.aud}`);
  return { claims: payload, kb: kb.payload };
});
