//go:build unix

package aesgcm

import (
	"bytes"
	"crypto/cipher"
	"runtime/debug"
	"testing"

	"golang.org/x/sys/unix"
)

// guarded is memory between two pages that cannot be touched.
func guarded(t *testing.T, size int) []byte {
	t.Helper()
	page := unix.Getpagesize()
	size = (size + page - 1) / page * page
	b, err := unix.Mmap(-1, 0, size+2*page, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_ANON|unix.MAP_PRIVATE)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = unix.Munmap(b) })
	for _, guard := range [][]byte{b[:page], b[page+size:]} {
		if err := unix.Mprotect(guard, unix.PROT_NONE); err != nil {
			t.Fatal(err)
		}
	}
	return b[page:][:size:size]
}

// atEnd and atStart are copies of b next to the guards.
func atEnd(room, b []byte) []byte {
	at := room[len(room)-len(b):]
	copy(at, b)
	return at
}

func atStart(room, b []byte) []byte {
	copy(room, b)
	return room[:len(b):len(b)]
}

// No byte is read or written that belongs to nobody: texts, tags, nonces and
// additional data lie against pages that cannot be touched, behind and before.
func TestPages(t *testing.T) {
	both(t, func(t *testing.T, ours AEAD, standard cipher.AEAD) {
		defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
		defer func() {
			if r := recover(); r != nil {
				t.Fatal(r)
			}
		}()
		in, out := guarded(t, most+600), guarded(t, most+600)
		nonces, aads := guarded(t, nonceLen), guarded(t, 64)
		text, nonce := noise(1, most+300), noise(2, nonceLen)
		check := func(n, aadLen int) {
			aad := text[:aadLen]
			want := standard.Seal(nil, nonce, text[:n], aad)
			for i, place := range []func(room, b []byte) []byte{atEnd, atStart} {
				nonce, aad := place(nonces, nonce), place(aads, aad)
				got := ours.Seal(place(out, want)[:0], nonce, place(in, text[:n]), aad)
				if !bytes.Equal(got, want) {
					t.Fatalf("%d bytes, %d additional, place %d: sealed %s", n, aadLen, i, short(got))
				}
				got, err := ours.Open(place(in, text[:n])[:0], nonce, place(out, want), aad)
				if err != nil || !bytes.Equal(got, text[:n]) {
					t.Fatalf("%d bytes, %d additional, place %d: opened %s, %v", n, aadLen, i, short(got), err)
				}
				inPlace := place(in, want)
				if got, err = ours.Open(inPlace[:0], nonce, inPlace, aad); err != nil || !bytes.Equal(got, text[:n]) {
					t.Fatalf("%d bytes, %d additional, place %d: opened in place %s, %v", n, aadLen, i, short(got), err)
				}
				if got = ours.Seal(inPlace[:0], nonce, inPlace[:n], aad); !bytes.Equal(got, want) {
					t.Fatalf("%d bytes, %d additional, place %d: sealed in place %s", n, aadLen, i, short(got))
				}
			}
		}
		for n := range 1100 {
			check(n, 5)
		}
		for aad := range 41 {
			check(100, aad)
		}
		for n := most - 5; n < most+300; n++ {
			check(n, 13)
		}
	})
}
