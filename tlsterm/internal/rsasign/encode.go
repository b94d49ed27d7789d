package rsasign

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/subtle"
	"fmt"
	"io"
)

// blockLen is the longest that is hashed: 8 zeros, a digest and a salt.
const blockLen = 8 + 2*sha512.Size

// prefixes are what stands before the digest in PKCS #1 v1.5: the DER encoding
// of a DigestInfo up to it (RFC 8017 section 9.2, note 1).
var prefixes = map[crypto.Hash][]byte{
	crypto.SHA256: {0x30, 0x31, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01, 0x05, 0x00, 0x04, 0x20},
	crypto.SHA384: {0x30, 0x41, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x02, 0x05, 0x00, 0x04, 0x30},
	crypto.SHA512: {0x30, 0x51, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x03, 0x05, 0x00, 0x04, 0x40},
}

// encodes reports whether encode knows how: the three hashes of SHA-2 that TLS
// uses, and in PSS a salt as long as the hash.
func encodes(digest []byte, opts crypto.SignerOpts) bool {
	if pss, ok := opts.(*rsa.PSSOptions); ok {
		if pss == nil || pss.SaltLength != rsa.PSSSaltLengthEqualsHash && pss.SaltLength != len(digest) {
			return false
		}
	}
	if opts == nil {
		return false
	}
	hash := opts.HashFunc()
	_, known := prefixes[hash]
	return known && len(digest) == hash.Size()
}

// encode sets w.encoded to what is to be signed for a key of so many bits.
func (w *work) encode(bits int, random io.Reader, digest []byte, opts crypto.SignerOpts) error {
	hash := opts.HashFunc()
	if _, ok := opts.(*rsa.PSSOptions); ok {
		return w.encodePSS(bits-1, random, hash, digest)
	}
	w.encodePKCS1(hash, digest)
	return nil
}

// encodePKCS1 is EMSA-PKCS1-v1_5-ENCODE (RFC 8017 section 9.2).
func (w *work) encodePKCS1(hash crypto.Hash, digest []byte) {
	em, prefix := w.encoded, prefixes[hash]
	t := len(em) - len(prefix) - len(digest)
	em[0], em[1], em[t-1] = 0, 1, 0
	for i := 2; i < t-1; i++ {
		em[i] = 0xff
	}
	copy(em[t:], prefix)
	copy(em[t+len(prefix):], digest)
}

// encodePSS is EMSA-PSS-ENCODE (RFC 8017 section 9.1.1) for as many bits.
func (w *work) encodePSS(bits int, random io.Reader, hash crypto.Hash, digest []byte) error {
	if random == nil {
		random = rand.Reader
	}
	n := len(digest)
	m := w.block[:8+2*n]
	salt := m[8+n:]
	clear(m[:8])
	copy(m[8:], digest)
	if _, err := io.ReadFull(random, salt); err != nil {
		return fmt.Errorf("rsasign: salt: %w", err)
	}
	em := w.encoded
	db, h := em[:len(em)-n-1], em[len(em)-n-1:len(em)-1]
	em[len(em)-1] = 0xbc
	clear(db)
	db[len(db)-n-1] = 1
	copy(db[len(db)-n:], salt)
	sum(hash, h, m)
	w.mask(hash, db, h)
	db[0] &= 0xff >> (8*len(em) - bits)
	return nil
}

// mask adds MGF1 of seed (RFC 8017 appendix B.2.1) to b.
func (w *work) mask(hash crypto.Hash, b, seed []byte) {
	var digest [sha512.Size]byte
	block := append(append(w.block[:0], seed...), 0, 0, 0, 0)
	for i := 0; len(b) > 0; i++ {
		block[len(seed)+3] = byte(i)
		sum(hash, digest[:], block)
		n := min(len(b), len(seed))
		subtle.XORBytes(b, b[:n], digest[:n])
		b = b[n:]
	}
}

// sum writes the hash of b to the beginning of digest.
func sum(hash crypto.Hash, digest, b []byte) {
	switch hash {
	case crypto.SHA384:
		d := sha512.Sum384(b)
		copy(digest, d[:])
	case crypto.SHA512:
		d := sha512.Sum512(b)
		copy(digest, d[:])
	default:
		d := sha256.Sum256(b)
		copy(digest, d[:])
	}
}
