package signer

// RawECDSA is a seam: sigstore never returns the malformed DER that the tests
// give it.
var RawECDSA = rawECDSA
