package session

import (
	"sync/atomic"
	"time"

	"github.com/postern-kafka/postern/codec"
)

// EffectKind names one thing the engine must do.
type EffectKind uint8

// The kinds of effect.
const (
	// Send writes Segments, in order, to the socket of Side.
	Send EffectKind = iota
	// DialBroker connects to the broker Node, or to any broker when Node is Anywhere.
	DialBroker
	// Learn makes Nodes routable before anything that follows is sent.
	Learn
	// Close ends both sockets after what was sent before is flushed; see
	// Session.Reason.
	Close
)

// Anywhere is the node of a connection that may go to any broker.
const Anywhere int32 = -1

// Effect is one thing the engine must do. Its slices live until the next call
// with the same Effects.
type Effect struct {
	Kind     EffectKind
	Side     Side
	Segments [][]byte     // Send
	Node     int32        // DialBroker
	Nodes    []codec.Node // Learn
}

// Effects collects what one input asks for. It is scratch memory: one per
// event loop, reused by all sessions of that loop.
type Effects struct {
	list  []Effect
	segs  [][]byte
	arena []byte
	patch codec.Patch
	Stats *Stats // where to count; shared with whoever reads the figures
	// Now is the time of the input; only a session that says Timed looks at it.
	Now time.Time
}

// Stats counts what the sessions of one loop did. One goroutine writes, any
// may read.
type Stats struct {
	Requests   [codec.NumKeys]atomic.Uint64 // frames taken, by API key
	Patched    [codec.NumKeys]atomic.Uint64 // answers changed, by API key
	Refused    atomic.Uint64
	Unroutable atomic.Uint64 // addresses asked for outside the advertised ports
	LastLost   atomic.Int32  // the node id of the last such address
	InFlight   atomic.Int64
	Logins     atomic.Uint64 // clients that logged in, here or at a broker
	LoginsAnew atomic.Uint64 // those that did so again on an established session
}

// counted counts a request that the gateway takes for itself.
func (s *Stats) counted(key int16) {
	if codec.Lookup(key) != nil {
		s.Requests[key].Add(1)
	}
}

// List returns the effects of the last input, in the order they must be
// performed.
func (e *Effects) List() []Effect { return e.list }

// reset forgets the last input's effects and keeps the memory.
func (e *Effects) reset() {
	e.list = e.list[:0]
	e.segs = e.segs[:0]
	e.arena = e.arena[:0]
}

// send appends one segment; runs to the same side become one effect.
func (e *Effects) send(side Side, b []byte) {
	if len(b) == 0 {
		return
	}
	from := len(e.segs)
	e.segs = append(e.segs, b)
	e.sent(side, from)
}

// sendPatched appends the segments of the frame with the patch applied.
func (e *Effects) sendPatched(side Side, frame []byte) {
	from := len(e.segs)
	e.segs = e.patch.Segments(e.segs, frame)
	e.sent(side, from)
}

func (e *Effects) sent(side Side, from int) {
	if n := len(e.list); n > 0 && e.list[n-1].Kind == Send && e.list[n-1].Side == side {
		from -= len(e.list[n-1].Segments)
		e.list[n-1].Segments = e.segs[from:len(e.segs):len(e.segs)]
		return
	}
	e.list = append(e.list, Effect{Kind: Send, Side: side, Segments: e.segs[from:len(e.segs):len(e.segs)]})
}
