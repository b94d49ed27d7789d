package tlsterm

import (
	"crypto/cipher"
	"errors"
	"os"
	"os/exec"
	"testing"
)

// wrongAEAD is wrong in one way.
type wrongAEAD struct {
	cipher.AEAD
	seal func(sealed []byte) []byte
	open func(opened []byte, err error) ([]byte, error)
}

func (w wrongAEAD) Seal(dst, nonce, plaintext, aad []byte) []byte {
	sealed := w.AEAD.Seal(dst, nonce, plaintext, aad)
	if w.seal != nil {
		return w.seal(sealed)
	}
	return sealed
}

func (w wrongAEAD) Open(dst, nonce, ciphertext, aad []byte) ([]byte, error) {
	opened, err := w.AEAD.Open(dst, nonce, ciphertext, aad)
	if w.open != nil {
		return w.open(opened, err)
	}
	return opened, err
}

func TestCipherAgrees(t *testing.T) {
	standard, err := standardGCM(text(16))
	if err != nil {
		t.Fatal(err)
	}
	agrees := func(a cipher.AEAD) error { return cipherAgrees(a, standard, text(nonceLen), text(100), text(5)) }
	if err := agrees(standard); err != nil {
		t.Error(err)
	}
	flip := func(b []byte) []byte {
		b[len(b)-1] ^= 1
		return b
	}
	for name, wrong := range map[string]wrongAEAD{
		"the tag":                 {seal: flip},
		"the ciphertext":          {seal: func(b []byte) []byte { b[99] ^= 1; return b }},
		"the plaintext":           {open: func(b []byte, err error) ([]byte, error) { return append(b[:0:0], make([]byte, len(b))...), err }},
		"an error without reason": {open: func([]byte, error) ([]byte, error) { return nil, errors.New("no") }},
		"no error with reason":    {open: func(b []byte, _ error) ([]byte, error) { return append(b[:0:0], text(100)...), nil }},
	} {
		wrong.AEAD = standard
		if agrees(wrong) == nil {
			t.Errorf("%s is wrong, and nobody sees", name)
		}
	}
}

// Records are the same on a machine for which aesgcm has its second kernel, or none.
func TestOtherKernels(t *testing.T) {
	if os.Getenv("TLSTERM_OTHER_KERNEL") != "" {
		if err := SelfTest(); err != nil {
			t.Fatal(err)
		}
		return
	}
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	for _, off := range []string{"cpu.avx512f=off", "cpu.avx2=off"} {
		cmd := exec.CommandContext(t.Context(), exe, "-test.run=^TestOtherKernels$")
		cmd.Env = append(os.Environ(), "TLSTERM_OTHER_KERNEL=1", "GODEBUG="+off)
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("%s: %v\n%s", off, err, out)
		}
	}
}
