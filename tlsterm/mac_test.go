package tlsterm

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/sha512"
	"hash"
	"testing"
)

func TestMac(t *testing.T) {
	for suite, hash := range map[*aeadSuite]func() hash.Hash{&aes128SHA256: sha256.New, &aes256SHA384: sha512.New384, &chachaSHA256: sha256.New} {
		for n := range maxSeed + 1 {
			key, message := text(suite.hashLen + n)[n:], text(n)
			want := hmac.New(hash, key)
			want.Write(message)
			got := suite.mac(key, message)
			if !bytes.Equal(got[:suite.hashLen], want.Sum(nil)) {
				t.Fatalf("%d bytes: %x", n, got)
			}
		}
		key, message := text(suite.hashLen), text(maxSeed)
		if n := testing.AllocsPerRun(10, func() { suite.mac(key, message) }); n != 0 {
			t.Errorf("%v allocations", n)
		}
	}
}
