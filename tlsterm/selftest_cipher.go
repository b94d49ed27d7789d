package tlsterm

import (
	"bytes"
	"crypto/cipher"
	"errors"
	"fmt"
	"math/rand/v2"
)

// cipherLengths is every length up to more than takes all ways through aesgcm, and
// the largest records.
func cipherLengths() []int {
	lengths := []int{4096, 4352, maxPlaintext, maxPlaintext + 1}
	for n := range 790 {
		lengths = append(lengths, n)
	}
	return lengths
}

// ciphersAgree compares AES-GCM, as records have it, with the standard library's. It
// takes less than a millisecond.
func ciphersAgree() error {
	var seed [32]byte
	random := rand.NewChaCha8(seed)
	for _, suite := range []*aeadSuite{&aes128SHA256, &aes256SHA384} {
		b := make([]byte, suite.keyLen+nonceLen+maxPlaintext+1)
		_, _ = random.Read(b) // never fails
		key, nonce, text := b[:suite.keyLen], b[suite.keyLen:][:nonceLen], b[suite.keyLen+nonceLen:]
		standard, err := standardGCM(key)
		if err != nil {
			return err
		}
		ours, err := suite.aead(key)
		if err != nil {
			return err
		}
		for _, n := range cipherLengths() {
			aad := text[n:][:min(5+n%2*8, len(text)-n)] // as in TLS 1.3 and 1.2
			if err := cipherAgrees(ours, standard, nonce, text[:n], aad); err != nil {
				return fmt.Errorf("AES-GCM with a key of %d bytes: %d bytes %w", suite.keyLen, n, err)
			}
		}
	}
	return nil
}

// cipherAgrees says what became of the text if that was wrong.
func cipherAgrees(ours, standard cipher.AEAD, nonce, text, aad []byte) error {
	b := make([]byte, len(text), len(text)+tagLen)
	copy(b, text)
	sealed := ours.Seal(b[:0], nonce, b, aad)
	if !bytes.Equal(sealed, standard.Seal(nil, nonce, text, aad)) {
		return errors.New("were sealed wrongly")
	}
	opened, err := ours.Open(sealed[:0], nonce, sealed, aad)
	if err != nil || !bytes.Equal(opened, text) {
		return errors.New("were opened wrongly")
	}
	sealed = standard.Seal(sealed[:0], nonce, text, aad)
	sealed[len(text)/2] ^= 1
	if _, err = ours.Open(sealed[:0], nonce, sealed, aad); err == nil {
		return errors.New("were opened though one bit was wrong")
	}
	return nil
}
