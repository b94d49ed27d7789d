package jwks

import (
	"errors"
	"testing"
	"time"
)

// A fetch may end between a client's asking for a key and its waiting for the fetch
// that this causes. What it waits for must come all the same.
func TestAskedForAsAFetchEnds(t *testing.T) {
	s, err := New(Options{URL: "file:///keys.json", Retry: time.Minute, MaxRetry: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	s.settle([]key{}, 0, nil, false)
	if _, err := s.Key("x", "ES256"); err == nil || len(s.wanted) != 1 {
		t.Fatalf("%v, asked %d times", err, len(s.wanted))
	}
	s.settle([]key{}, 0, nil, false)
	s.askAgain = time.Time{} // a fetch may be asked for again
	select {
	case <-s.next():
		t.Fatal("the next fetch is not waited for")
	default:
	}
	if len(s.wanted) != 1 {
		t.Error("it is waited for, and nobody has asked for it")
	}
	s.settle(nil, 0, errors.New("no answer"), true)
	<-s.next() // after a failure nobody waits
}
