package rsasign

import (
	"bytes"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"math/big"
	mathrand "math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"unsafe"
)

var hashes = []crypto.Hash{crypto.SHA256, crypto.SHA384, crypto.SHA512}

func pss(hash crypto.Hash) *rsa.PSSOptions {
	return &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash, Hash: hash}
}

func digestOf(hash crypto.Hash, text string) []byte {
	h := hash.New()
	h.Write([]byte(text))
	return h.Sum(nil)
}

func mustSigner(tb testing.TB, key *rsa.PrivateKey, kernelFor func(int) *kernel) *Signer {
	tb.Helper()
	s, ok := newSigner(key, kernelFor)
	if !ok {
		tb.Fatalf("no signer for a key of %d bits", key.N.BitLen())
	}
	return s
}

// seeded is the same random numbers each time.
func seeded(n byte) io.Reader { return mathrand.NewChaCha8([32]byte{n}) }

// TestSign: given the same salt, the signatures are crypto/rsa's.
func TestSign(t *testing.T) {
	eachKernel(t, func(t *testing.T, kernelFor func(int) *kernel) {
		for _, bits := range sizes {
			if bits > sizes[0] && isReference(kernelFor(bits)) {
				break // math/big takes long, and TestPrivateOperation has them
			}
			primes := extremePrimes(bits)
			// The product of small primes has one bit less, which PSS must know.
			for _, key := range []*rsa.PrivateKey{keyOf(t, bits), keyFrom(primes[2], primes[4], 65537)} {
				before := Faults()
				s := mustSigner(t, key, kernelFor)
				if !s.Public().(*rsa.PublicKey).Equal(key.Public()) {
					t.Error("another public key")
				}
				for _, hash := range hashes {
					sized := &rsa.PSSOptions{SaltLength: hash.Size(), Hash: hash}
					for _, opts := range []crypto.SignerOpts{hash, pss(hash), sized} {
						digest := digestOf(hash, fmt.Sprint(bits))
						got, err := s.Sign(seeded(1), digest, opts)
						if err != nil {
							t.Fatal(err)
						}
						want, err := key.Sign(seeded(1), digest, opts)
						if err != nil {
							t.Fatal(err)
						}
						if !bytes.Equal(got, want) {
							t.Errorf("%d bits, %v, %T\ngot  %x\nwant %x", key.N.BitLen(), hash, opts, got, want)
						}
					}
				}
				if n := Faults() - before; n != 0 {
					t.Errorf("%d bits: %d signatures failed their check", key.N.BitLen(), n)
				}
			}
		}
	})
}

// TestVerified: with salts of chance, crypto/rsa and openssl accept them.
func TestVerified(t *testing.T) {
	openssl, err := exec.LookPath("openssl")
	if err != nil {
		t.Log("without openssl, which is not installed")
	}
	dir := t.TempDir()
	needKernel(t)
	for _, bits := range sizes {
		key := keyOf(t, bits)
		s := mustSigner(t, key, kernelFor)
		der, err := x509.MarshalPKIXPublicKey(s.Public())
		if err != nil {
			t.Fatal(err)
		}
		public := filepath.Join(dir, fmt.Sprint(bits, ".pem"))
		write(t, public, pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}))
		for i := range 40 {
			hash := hashes[i%len(hashes)]
			text := fmt.Sprint("message ", i)
			digest := digestOf(hash, text)
			pkcs1, err1 := s.Sign(rand.Reader, digest, hash)
			salted, err2 := s.Sign(rand.Reader, digest, pss(hash))
			if err := errors.Join(err1, err2,
				rsa.VerifyPKCS1v15(&key.PublicKey, hash, digest, pkcs1),
				rsa.VerifyPSS(&key.PublicKey, hash, digest, salted, pss(hash))); err != nil {
				t.Fatal(err)
			}
			if openssl == "" || i >= len(hashes) {
				continue
			}
			message, signature := filepath.Join(dir, "message"), filepath.Join(dir, "signature")
			write(t, message, []byte(text))
			name := map[crypto.Hash]string{crypto.SHA256: "-sha256", crypto.SHA384: "-sha384", crypto.SHA512: "-sha512"}[hash]
			for sig, options := range map[*[]byte][]string{&pkcs1: nil, &salted: {"-sigopt", "rsa_padding_mode:pss", "-sigopt", "rsa_pss_saltlen:digest"}} {
				write(t, signature, *sig)
				args := slices.Concat([]string{"dgst", name, "-verify", public, "-signature", signature}, options, []string{message})
				if out, err := exec.CommandContext(t.Context(), openssl, args...).CombinedOutput(); err != nil {
					t.Errorf("openssl %q: %v\n%s", args, err, out)
				}
			}
		}
	}
}

func write(t *testing.T, path string, b []byte) {
	t.Helper()
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
}

// TestLeftToCryptoRSA: what this package does not do, crypto/rsa does.
func TestLeftToCryptoRSA(t *testing.T) {
	key := keyOf(t, 1024)
	never := straight(1024)
	s := mustSigner(t, key, func(int) *kernel { return never })
	s.works.New = func() any { t.Fatal("signed here"); return nil }
	s.works = sync.Pool{New: s.works.New}
	digest := digestOf(crypto.SHA256, "x")
	for name, c := range map[string]struct {
		digest []byte
		opts   crypto.SignerOpts
	}{
		"salt of the greatest length": {digest, &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthAuto, Hash: crypto.SHA256}},
		"salt of another length":      {digest, &rsa.PSSOptions{SaltLength: 20, Hash: crypto.SHA256}},
		"salt of no length":           {digest, &rsa.PSSOptions{SaltLength: -2, Hash: crypto.SHA256}},
		"SHA-224":                     {digest[:28], crypto.SHA224},
		"no hash":                     {digest, crypto.Hash(0)},
		"digest of another hash":      {digest, crypto.SHA384},
		"PSS of another hash":         {digest, pss(crypto.SHA384)},
	} {
		got, gotErr := s.Sign(seeded(2), c.digest, c.opts)
		want, wantErr := key.Sign(seeded(2), c.digest, c.opts)
		if !bytes.Equal(got, want) || fmt.Sprint(gotErr) != fmt.Sprint(wantErr) {
			t.Errorf("%s: %x, %v\nwant %x, %v", name, got, gotErr, want, wantErr)
		}
	}
}

// TestNoSalt: an error of the source of random numbers is an error.
func TestNoSalt(t *testing.T) {
	s := mustSigner(t, keyOf(t, 1024), straight)
	before := Faults()
	sig, err := s.Sign(bytes.NewReader(make([]byte, 31)), digestOf(crypto.SHA256, "x"), pss(crypto.SHA256))
	if sig != nil || !errors.Is(err, io.ErrUnexpectedEOF) || Faults() != before {
		t.Errorf("%x, %v", sig, err)
	}
	if _, err := s.Sign(nil, digestOf(crypto.SHA256, "x"), pss(crypto.SHA256)); err != nil {
		t.Errorf("without a source: %v", err)
	}
}

func TestNewRefuses(t *testing.T) {
	good := keyOf(t, 1024)
	p, q := good.Primes[0], good.Primes[1]
	short, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Fatal(err)
	}
	change := func(f func(k *rsa.PrivateKey)) *rsa.PrivateKey {
		k := &rsa.PrivateKey{PublicKey: good.PublicKey, D: good.D, Primes: slices.Clone(good.Primes)}
		f(k)
		return k
	}
	for name, c := range map[string]struct {
		key      *rsa.PrivateKey
		computes bool // something, but not with this kind of key
	}{
		"primes of 512 bits":     {short, false},
		"primes of unequal size": {keyFrom(p, extremePrimes(1536)[0], 65537), false},
		"a third prime":          {change(func(k *rsa.PrivateKey) { k.Primes = append(k.Primes, big.NewInt(3)) }), false},
		"primes of another key":  {change(func(k *rsa.PrivateKey) { k.Primes[0] = extremePrimes(1024)[0] }), false},
		"no primes":              {change(func(k *rsa.PrivateKey) { k.Primes = nil }), false},
		"the same prime twice":   {change(func(k *rsa.PrivateKey) { k.Primes[0], k.N = q, new(big.Int).Mul(q, q) }), false},
		"a factor that is even": {change(func(k *rsa.PrivateKey) {
			k.Primes[0] = new(big.Int).Lsh(big.NewInt(1), 1023)
			k.N = new(big.Int).Mul(k.Primes[0], q)
		}), false},
		"an even exponent":      {change(func(k *rsa.PrivateKey) { k.E = 65536 }), false},
		"an exponent of 1":      {change(func(k *rsa.PrivateKey) { k.E = 1 }), false},
		"exponents that differ": {change(func(k *rsa.PrivateKey) { k.D = new(big.Int).Add(k.D, big.NewInt(2)) }), true},
		"primes too near":       {keyFrom(extremePrimes(1024)[0], extremePrimes(1024)[1], 65537), true},
	} {
		if _, ok := newSigner(c.key, straight); ok {
			t.Errorf("a signer for a key with %s", name)
		}
		if private := newPrivate(c.key, straight); (private != nil) != c.computes {
			t.Errorf("a key with %s can be computed with: %v", name, private != nil)
		}
	}
	if _, ok := newSigner(good, func(int) *kernel { return nil }); ok {
		t.Error("a signer without a kernel")
	}
	wrong := *straight(1024)
	wrong.pick = func(*uint64, *uint64, int, int) {}
	if _, ok := newSigner(good, func(int) *kernel { return &wrong }); ok {
		t.Error("a signer with a kernel that computes something else")
	}
}

// halfA and halfB are where faulty turns its bit.
func halfA(k *kernel, pair []uint64) []uint64 { return k.half(pair, 0) }

func halfB(k *kernel, pair []uint64) []uint64 { return k.half(pair, 1) }

// faulty returns a kernel that turns one bit after the n-th multiplication, or
// choice from the table, of A's number or B's, and whether it did.
func faulty(k *kernel, n int, half func(k *kernel, pair []uint64) []uint64) (*kernel, *atomic.Bool) {
	var calls atomic.Int64
	done := new(atomic.Bool)
	flip := func(z *uint64) {
		if int(calls.Add(1)) == n {
			half(k, unsafe.Slice(z, k.pair()))[k.order[n%len(k.order)]] ^= 1 << (n % k.width)
			done.Store(true)
		}
	}
	broken := *k
	broken.multiply = func(z, y, moduli, room *uint64, squarings int) {
		k.multiply(z, y, moduli, room, squarings)
		flip(z)
	}
	broken.pick = func(z, table *uint64, a, b int) {
		k.pick(z, table, a, b)
		flip(z)
	}
	return &broken, done
}

// TestFaults: whichever step goes wrong, the signature is right: crypto/rsa's.
func TestFaults(t *testing.T) {
	halves := []func(*kernel, []uint64) []uint64{halfA, halfB}
	eachKernel(t, func(t *testing.T, kernelFor func(int) *kernel) {
		digest := digestOf(crypto.SHA256, "x")
		key := keyOf(t, 1024)
		s := mustSigner(t, key, kernelFor)
		sound := s.private.kernel
		hit, missed := 0, 0
		for n := 1; ; n++ {
			if n > 36 && n < 438 && n%29 != 0 {
				continue // one window is like the other
			}
			done := new(atomic.Bool)
			for _, half := range halves {
				before := Faults()
				s.private.kernel, done = faulty(sound, n, half)
				sig, err := s.Sign(nil, digest, crypto.SHA256)
				if err != nil || rsa.VerifyPKCS1v15(&key.PublicKey, crypto.SHA256, digest, sig) != nil {
					t.Fatalf("a wrong signature after a fault in step %d: %v", n, err)
				}
				switch {
				case !done.Load():
				case Faults() == before+1:
					hit++
				default:
					missed++ // it did no harm: B of h
				}
			}
			if !done.Load() {
				t.Logf("%d steps", n-1)
				break
			}
		}
		if hit < 110 || missed > 2 {
			t.Errorf("%d faults seen, %d not", hit, missed)
		}
		s.private.kernel = sound
	})
}

// TestFaultInKeyMaterial: numbers of the key that change under way are noticed.
func TestFaultInKeyMaterial(t *testing.T) {
	eachKernel(t, func(t *testing.T, kernelFor func(int) *kernel) {
		digest := digestOf(crypto.SHA256, "x")
		key := keyOf(t, 1024)
		s := mustSigner(t, key, kernelFor)
		c := s.private
		for _, of := range []struct {
			name    string
			word    *uint64
			noticed bool // not if it is rarely used, and not now
		}{
			{"p, if something is to be subtracted", &c.primes[0][3], c.kernel.rest > 0},
			{"q", &c.primes[1][4], true},
			{"-1/p, of kernels that need it", &c.inverses[0], c.kernel.rest > 0},
			{"-1/q, of kernels that need it", &c.inverses[1], c.kernel.rest > 0},
			{"1 of the table", &c.one[2], false},
			{"R²", &c.square[2], true},
			{"R² times more", &c.upper[2], true},
			{"1", &c.unit[2], true},
			{"1/q", &c.qInverse[2], true},
		} {
			*of.word ^= 1 << 14
			before := Faults()
			sig, err := s.Sign(nil, digest, crypto.SHA256)
			if err != nil || rsa.VerifyPKCS1v15(&key.PublicKey, crypto.SHA256, digest, sig) != nil {
				t.Errorf("a wrong signature with another %s: %v", of.name, err)
			}
			if of.noticed && Faults() != before+1 {
				t.Errorf("another %s: not noticed", of.name)
			}
			*of.word ^= 1 << 14
		}
		for i, word := range c.moduli {
			if word == 0 || i%7 != 0 {
				continue // one digit is like the other
			}
			c.moduli[i] ^= 1 << 14
			before := Faults()
			sig, err := s.Sign(nil, digest, crypto.SHA256)
			if err != nil || rsa.VerifyPKCS1v15(&key.PublicKey, crypto.SHA256, digest, sig) != nil || Faults() != before+1 {
				t.Errorf("with another word %d of the moduli: %v", i, err)
			}
			c.moduli[i] ^= 1 << 14
		}
		for i := range c.windows {
			c.windows[i][7] ^= 1
			before := Faults()
			if sig, err := s.Sign(nil, digest, crypto.SHA256); err != nil || rsa.VerifyPKCS1v15(&key.PublicKey, crypto.SHA256, digest, sig) != nil || Faults() != before+1 {
				t.Errorf("another exponent: %v", err)
			}
			c.windows[i][7] ^= 1
		}
	})
}

// TestWiped: nothing secret is left in memory that goes back to the pool,
// whether the signature was right or not.
func TestWiped(t *testing.T) {
	eachKernel(t, func(t *testing.T, kernelFor func(int) *kernel) {
		s := mustSigner(t, keyOf(t, 1024), kernelFor)
		sound := s.private.kernel
		broken, _ := faulty(sound, 100, halfA)
		for _, k := range []*kernel{sound, broken} {
			var used *work
			held := 0
			watching := *k
			watching.pick = func(z, table *uint64, a, b int) {
				k.pick(z, table, a, b)
				for _, word := range used.all {
					if word != 0 {
						held++
					}
				}
			}
			s.private.kernel = &watching
			s.works = sync.Pool{New: func() any { used = s.private.newWork(); return used }}
			sig, err := s.sign(nil, digestOf(crypto.SHA256, "x"), crypto.SHA256)
			if err != nil || (sig == nil) != (k == broken) {
				t.Fatalf("%x, %v", sig, err)
			}
			if held == 0 {
				t.Error("other memory was used")
			}
			if slices.ContainsFunc(used.all, func(word uint64) bool { return word != 0 }) {
				t.Error("not overwritten")
			}
		}
		s.private.kernel = sound
	})
}

func TestWrongSignatureIsOverwritten(t *testing.T) {
	key := keyOf(t, 1024)
	broken, _ := faulty(straight(1024), 100, halfA)
	c := newPrivate(key, func(int) *kernel { return broken })
	w := c.newWork()
	w.encodePKCS1(crypto.SHA256, digestOf(crypto.SHA256, "x"))
	signature := bytes.Repeat([]byte{1}, c.size)
	if c.sign(w, signature) || !bytes.Equal(signature, make([]byte, c.size)) {
		t.Errorf("%x", signature)
	}
}

// TestGoroutines: a Signer is one handshake's as much as the other's.
func TestGoroutines(t *testing.T) {
	eachKernel(t, func(t *testing.T, kernelFor func(int) *kernel) {
		key := keyOf(t, 1024)
		s := mustSigner(t, key, kernelFor)
		before := Faults()
		var all sync.WaitGroup
		for g := range 4 {
			all.Go(func() {
				for i := range 5 {
					digest := digestOf(crypto.SHA256, fmt.Sprint(g, i))
					sig, err := s.Sign(rand.Reader, digest, pss(crypto.SHA256))
					if err != nil || rsa.VerifyPSS(&key.PublicKey, crypto.SHA256, digest, sig, pss(crypto.SHA256)) != nil {
						t.Errorf("goroutine %d, signature %d: %v", g, i, err)
					}
				}
			})
		}
		all.Wait()
		if Faults() != before {
			t.Error("faults")
		}
	})
}

func TestAllocations(t *testing.T) {
	if raceDetector {
		t.Skip("under the race detector sync.Pool drops what it is given, at random")
	}
	eachFamily(t, func(t *testing.T, _ int, kernelFor func(int) *kernel) {
		for _, bits := range sizes {
			s := mustSigner(t, keyOf(t, bits), kernelFor)
			for _, hash := range hashes {
				digest := digestOf(hash, "x")
				for _, opts := range []crypto.SignerOpts{hash, pss(hash)} {
					sign := func() {
						if _, err := s.Sign(rand.Reader, digest, opts); err != nil {
							t.Fatal(err)
						}
					}
					if n := testing.AllocsPerRun(20, sign); n > 1 {
						t.Errorf("%d bits, %v, %T: %v allocations, the signature is one", 2*bits, hash, opts, n)
					}
				}
			}
		}
	})
}

// TestSwitchedOff: what the environment forbids is not done. The processor's
// features and FIPS-only mode are read once, at the start.
func TestSwitchedOff(t *testing.T) {
	const child = "RSASIGN_CHILD"
	primes := extremePrimes(1024)
	s, ok := New(keyFrom(primes[0], primes[4], 65537))
	if want := os.Getenv(child); want != "" {
		got := "none"
		for _, f := range families {
			if ok && s.private.kernel == f.kernels[1024] {
				got = f.name
			}
		}
		if got != want {
			t.Fatalf("signs with %s, not with %s", got, want)
		}
		return
	}
	needKernel(t)
	if !ok {
		t.Error("no signer, with nothing switched off")
	}
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	second := "none"
	if kernelFor, _ := available("avx2"); kernelFor != nil {
		second = "avx2"
	}
	for setting, want := range map[string]string{
		"fips140=only":                 "none",
		"cpu.avx512ifma=off":           second,
		"cpu.avx512dq=off":             second,
		"cpu.avx512f=off,cpu.avx2=off": "none",
	} {
		cmd := exec.CommandContext(t.Context(), exe, "-test.run=^TestSwitchedOff$")
		cmd.Env = append(os.Environ(), child+"="+want, "GODEBUG="+setting)
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("%s: %v\n%s", setting, err, out)
		}
	}
}

// eachSigner is for benchmarks: a key of each size with all that can sign with it.
func eachSigner(b *testing.B, run func(b *testing.B, bits int, name string, signer crypto.Signer)) {
	for _, bits := range sizes {
		key := keyOf(b, bits)
		for _, m := range methods {
			if kernelFor, needs := available(m.name); kernelFor != nil {
				run(b, bits, m.name, mustSigner(b, key, kernelFor))
			} else {
				b.Logf("without %s, which needs %s", m.name, needs)
			}
		}
		run(b, bits, "std", key)
	}
}

func BenchmarkSign(b *testing.B) {
	digest := digestOf(crypto.SHA256, "x")
	eachSigner(b, func(b *testing.B, bits int, name string, signer crypto.Signer) {
		for _, padding := range []struct {
			name string
			opts crypto.SignerOpts
		}{{"pkcs1", crypto.SHA256}, {"pss", pss(crypto.SHA256)}} {
			b.Run(fmt.Sprintf("%d/%s/%s", 2*bits, name, padding.name), func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					if _, err := signer.Sign(rand.Reader, digest, padding.opts); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	})
}

// BenchmarkNew is what a key costs once.
func BenchmarkNew(b *testing.B) {
	needKernel(b)
	for _, bits := range sizes {
		key := keyOf(b, bits)
		b.Run(fmt.Sprint(2*bits), func(b *testing.B) {
			for b.Loop() {
				mustSigner(b, key, kernelFor)
			}
		})
	}
}
