package tlsterm

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/des" //nolint:gosec // old stores are encrypted with it
	"crypto/hmac"
	"crypto/pbkdf2"
	"crypto/sha1" //nolint:gosec // old stores are keyed with it
	"crypto/sha256"
	"crypto/sha512"
	"encoding/asn1"
	"errors"
	"fmt"
	"hash"
	"unicode/utf16"
)

// Password-based encryption, as PKCS#12 stores and encrypted PKCS#8 keys use it
// (RFC 7292 appendix B, RFC 8018).

// maxIterations bounds the work that a store can ask for. Java has the same bound.
const maxIterations = 5_000_000

var (
	errBadPassword = errors.New("wrong password")
	errUnsupported = errors.New("unsupported")
)

type algorithmID struct {
	Algorithm  asn1.ObjectIdentifier
	Parameters asn1.RawValue `asn1:"optional"`
}

type pbeParams struct {
	Salt       []byte
	Iterations int
}

type pbes2Params struct {
	KDF    algorithmID
	Cipher algorithmID
}

type pbkdf2Params struct {
	Salt       []byte
	Iterations int
	KeyLength  int         `asn1:"optional"`
	PRF        algorithmID `asn1:"optional"`
}

// The object identifiers by their numbers: asn1.ObjectIdentifier is no map key.
const (
	oidPBES2          = "1.2.840.113549.1.5.13"
	oidPBKDF2         = "1.2.840.113549.1.5.12"
	oidPBMAC1         = "1.2.840.113549.1.5.14"
	oidSHA1And3DES    = "1.2.840.113549.1.12.1.3"
	oidSHA1AndRC2_128 = "1.2.840.113549.1.12.1.5"
	oidSHA1AndRC2_40  = "1.2.840.113549.1.12.1.6"
)

var hashesByOID = map[string]func() hash.Hash{
	"1.3.14.3.2.26":          sha1.New,
	"2.16.840.1.101.3.4.2.4": sha256.New224,
	"2.16.840.1.101.3.4.2.1": sha256.New,
	"2.16.840.1.101.3.4.2.2": sha512.New384,
	"2.16.840.1.101.3.4.2.3": sha512.New,
}

var hmacsByOID = map[string]func() hash.Hash{
	"1.2.840.113549.2.7":  sha1.New,
	"1.2.840.113549.2.8":  sha256.New224,
	"1.2.840.113549.2.9":  sha256.New,
	"1.2.840.113549.2.10": sha512.New384,
	"1.2.840.113549.2.11": sha512.New,
}

var blockCiphersByOID = map[string]struct {
	keyLen int
	make   func(key []byte) (cipher.Block, error)
}{
	"2.16.840.1.101.3.4.1.2":  {16, aes.NewCipher},
	"2.16.840.1.101.3.4.1.22": {24, aes.NewCipher},
	"2.16.840.1.101.3.4.1.42": {32, aes.NewCipher},
	"1.2.840.113549.3.7":      {24, des.NewTripleDESCipher},
}

// decryptPBE decrypts data as alg says. A wrong password gives errBadPassword
// or, by chance, garbage.
func decryptPBE(alg algorithmID, data []byte, password string) ([]byte, error) {
	block, iv, err := pbeCipher(alg, password)
	if err != nil {
		return nil, err
	}
	size := block.BlockSize()
	if len(data) == 0 || len(data)%size != 0 {
		return nil, errors.New("encrypted data is not a whole number of blocks")
	}
	plain := make([]byte, len(data))
	cipher.NewCBCDecrypter(block, iv).CryptBlocks(plain, data)
	pad := int(plain[len(plain)-1])
	if pad == 0 || pad > size {
		return nil, errBadPassword
	}
	for _, b := range plain[len(plain)-pad:] {
		if int(b) != pad {
			return nil, errBadPassword
		}
	}
	return plain[:len(plain)-pad], nil
}

func pbeCipher(alg algorithmID, password string) (cipher.Block, []byte, error) {
	oid := alg.Algorithm.String()
	if oid == oidPBES2 {
		return pbes2Cipher(alg.Parameters.FullBytes, password)
	}
	var keyLen int
	var newCipher func([]byte) (cipher.Block, error)
	switch oid {
	case oidSHA1And3DES:
		keyLen, newCipher = 24, des.NewTripleDESCipher
	case oidSHA1AndRC2_128:
		keyLen, newCipher = 16, newRC2
	case oidSHA1AndRC2_40:
		keyLen, newCipher = 5, newRC2
	default:
		return nil, nil, fmt.Errorf("encryption %s: %w", oid, errUnsupported)
	}
	var p pbeParams
	if err := unmarshalDER(alg.Parameters.FullBytes, &p); err != nil {
		return nil, nil, fmt.Errorf("encryption parameters: %w", err)
	}
	if err := checkIterations(p.Iterations); err != nil {
		return nil, nil, err
	}
	bmp := bmpPassword(password)
	key := pkcs12KDF(sha1.New, 1, bmp, p.Salt, p.Iterations, keyLen)
	iv := pkcs12KDF(sha1.New, 2, bmp, p.Salt, p.Iterations, 8)
	block, err := newCipher(key)
	return block, iv, err
}

func pbes2Cipher(parameters []byte, password string) (cipher.Block, []byte, error) {
	var p pbes2Params
	if err := unmarshalDER(parameters, &p); err != nil {
		return nil, nil, fmt.Errorf("PBES2 parameters: %w", err)
	}
	kind, ok := blockCiphersByOID[p.Cipher.Algorithm.String()]
	if !ok {
		return nil, nil, fmt.Errorf("cipher %v: %w", p.Cipher.Algorithm, errUnsupported)
	}
	key, err := pbkdf2Key(p.KDF, password, kind.keyLen)
	if err != nil {
		return nil, nil, err
	}
	var iv []byte
	if err := unmarshalDER(p.Cipher.Parameters.FullBytes, &iv); err != nil {
		return nil, nil, fmt.Errorf("PBES2 initialisation vector: %w", err)
	}
	block, err := kind.make(key)
	if err != nil {
		return nil, nil, err
	}
	if len(iv) != block.BlockSize() {
		return nil, nil, fmt.Errorf("PBES2 initialisation vector of %d bytes", len(iv))
	}
	return block, iv, nil
}

// pbkdf2Key derives a key of keyLen bytes, or, if that is 0, of as many as the
// parameters say.
func pbkdf2Key(kdf algorithmID, password string, keyLen int) ([]byte, error) {
	if oid := kdf.Algorithm.String(); oid != oidPBKDF2 {
		return nil, fmt.Errorf("key derivation %s: %w", oid, errUnsupported)
	}
	var p pbkdf2Params
	if err := unmarshalDER(kdf.Parameters.FullBytes, &p); err != nil {
		return nil, fmt.Errorf("PBKDF2 parameters: %w", err)
	}
	if err := checkIterations(p.Iterations); err != nil {
		return nil, err
	}
	prf := sha1.New // the default of RFC 8018
	if len(p.PRF.Algorithm) > 0 {
		if prf = hmacsByOID[p.PRF.Algorithm.String()]; prf == nil {
			return nil, fmt.Errorf("PBKDF2 with %v: %w", p.PRF.Algorithm, errUnsupported)
		}
	}
	switch {
	case keyLen == 0:
		keyLen = p.KeyLength
	case p.KeyLength != 0 && p.KeyLength != keyLen:
		return nil, fmt.Errorf("PBKDF2 key of %d bytes for a cipher that takes %d", p.KeyLength, keyLen)
	}
	if keyLen < 1 || keyLen > 64 {
		return nil, fmt.Errorf("PBKDF2 key of %d bytes", keyLen)
	}
	return pbkdf2.Key(prf, password, p.Salt, p.Iterations, keyLen)
}

func checkIterations(n int) error {
	if n < 1 || n > maxIterations {
		return fmt.Errorf("%d iterations; allowed are 1 to %d", n, maxIterations)
	}
	return nil
}

// bmpPassword encodes a password as PKCS#12 does: UTF-16, two zero bytes behind.
func bmpPassword(password string) []byte {
	return append(utf16BE(password), 0, 0)
}

func utf16BE(s string) []byte {
	units := utf16.Encode([]rune(s))
	b := make([]byte, 0, 2*len(units)+2)
	for _, u := range units {
		b = append(b, byte(u>>8), byte(u))
	}
	return b
}

// pkcs12KDF is the key derivation of RFC 7292 appendix B.2. id is 1 for a key,
// 2 for an initialisation vector, 3 for a MAC key.
func pkcs12KDF(newHash func() hash.Hash, id byte, password, salt []byte, iterations, n int) []byte {
	h := newHash()
	block := h.BlockSize()
	diversifier := repeatTo([]byte{id}, block)
	input := append(fillBlocks(salt, block), fillBlocks(password, block)...)
	var out []byte
	for len(out) < n {
		h.Reset()
		h.Write(diversifier)
		h.Write(input)
		a := h.Sum(nil)
		for range iterations - 1 {
			h.Reset()
			h.Write(a)
			a = h.Sum(a[:0])
		}
		out = append(out, a...)
		b := repeatTo(a, block)
		for i := 0; i < len(input); i += block {
			addOne(input[i:i+block], b)
		}
	}
	return out[:n]
}

// fillBlocks repeats b up to the next multiple of block; nothing stays nothing.
func fillBlocks(b []byte, block int) []byte {
	return repeatTo(b, (len(b)+block-1)/block*block)
}

func repeatTo(b []byte, n int) []byte {
	out := make([]byte, 0, n)
	for len(out) < n {
		out = append(out, b[:min(len(b), n-len(out))]...)
	}
	return out
}

// addOne adds b and 1 to a, both big-endian numbers of one length.
func addOne(a, b []byte) {
	carry := 1
	for i := len(a) - 1; i >= 0; i-- {
		carry += int(a[i]) + int(b[i])
		a[i] = byte(carry)
		carry >>= 8
	}
}

func macOf(newHash func() hash.Hash, key, data []byte) []byte {
	m := hmac.New(newHash, key)
	m.Write(data)
	return m.Sum(nil)
}

// unmarshalDER is asn1.Unmarshal of all of b.
func unmarshalDER(b []byte, v any) error {
	rest, err := asn1.Unmarshal(b, v)
	if err == nil && len(rest) > 0 {
		err = fmt.Errorf("%d bytes behind the end", len(rest))
	}
	return err
}
