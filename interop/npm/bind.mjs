// Makes presentations of SD-JWTs: {sd_jwt, frame, jwk, payload}, jwk the holder's
// private key, payload what the key binding says beside sd_hash. The library signs
// whatever stands in it: the types that it declares know no evd, its code has no list.
import { each } from './tasks.mjs';
import { holder } from './library.mjs';

await each(async ({ sd_jwt, frame, jwk, payload }) => ({
  sd_jwt: await holder(jwk).present(sd_jwt, frame, { kb: { payload } }),
}));
