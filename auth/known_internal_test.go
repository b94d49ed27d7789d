package auth

import (
	"encoding/binary"
	"strings"
	"testing"
)

// However many come, no more than maxKnown are remembered; who is asked for again
// and again stays.
func TestKnownIsBounded(t *testing.T) {
	var k known[int]
	regular := fingerprintOf("regular")
	k.remember(regular, -1)
	for n := range 3 * maxKnown {
		var id fingerprint
		binary.BigEndian.PutUint64(id[:], uint64(n)+1)
		k.remember(id, n)
		if said, ok := k.find(id); !ok || said != n {
			t.Fatalf("%d is %d, %t", n, said, ok)
		}
		if said, ok := k.find(regular); !ok || said != -1 {
			t.Fatalf("the regular one is forgotten after %d others", n)
		}
		if have := len(k.young) + len(k.old); have > maxKnown {
			t.Fatalf("%d are remembered", have)
		}
	}
	if _, ok := k.find(fingerprint{1}); ok {
		t.Error("one that never came is known")
	}
}

// Long tokens are not hashed, and none is taken for another.
func TestLongTokensAreNotRemembered(t *testing.T) {
	var k known[int]
	id := fingerprintOf(strings.Repeat("x", maxKnownToken+1))
	k.remember(id, 1)
	if _, ok := k.find(id); ok {
		t.Error("a long token is remembered")
	}
}
