package jws

import (
	"bytes"
	"crypto/ed25519"
	"encoding/hex"
)

// smallOrder has the encodings of the eight points of Curve25519 whose order
// divides 8, less the sign bit: also those that RFC 8032 does not write and
// crypto/ed25519 reads. Whoever lists such a point as a key need not have a
// private key to it: one signature fits many messages.
var smallOrder = func() (points [][]byte) {
	for _, s := range []string{
		"0000000000000000000000000000000000000000000000000000000000000000", // 0
		"0100000000000000000000000000000000000000000000000000000000000000", // 1, the neutral element
		"26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05", // of order 8
		"c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a", // of order 8
		"ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f", // p-1
		"edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f", // p, which is 0
		"eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f", // p+1, which is 1
	} {
		b, err := hex.DecodeString(s)
		if err != nil {
			panic(err)
		}
		points = append(points, b)
	}
	return points
}()

// SmallOrder reports whether a key is a point of small order. [NewKey] and
// [ParseKey] refuse them, as go-jose does.
func SmallOrder(k ed25519.PublicKey) bool {
	if len(k) != ed25519.PublicKeySize {
		return false
	}
	y := bytes.Clone(k)
	y[len(y)-1] &= 0x7f
	for _, p := range smallOrder {
		if bytes.Equal(y, p) {
			return true
		}
	}
	return false
}
