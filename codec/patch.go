package codec

import "encoding/binary"

const (
	// joinGap: unchanged bytes between two splices, up to this many, are copied
	// rather than sent as a segment of their own.
	joinGap = 128
	// maxSplices bounds the segments of one frame (writev takes 1024); past it
	// every gap is copied.
	maxSplices = 64
)

// Patch is an ordered list of non-overlapping splices on one frame. The empty
// patch means: forward as it is. It is meant to be reused: once warm, a patch
// allocates nothing. A Patch has one owner at a time.
type Patch struct {
	splices []splice
	arena   []byte // what the splices put in, one after the other
	taken   int    // what they take out, in bytes
	size    [4]byte

	names []byte // hosts of nodes
	nodes []Node
	lost  []int32
}

// splice replaces frame[off:off+n] by the arena from from on, up to where the
// next splice begins.
type splice struct{ off, n, from int }

// Reset empties the patch. Everything handed out by Segments, Nodes and
// Unroutable dies with it.
func (p *Patch) Reset() {
	p.splices, p.arena, p.taken = p.splices[:0], p.arena[:0], 0
	p.names, p.nodes, p.lost = p.names[:0], p.nodes[:0], p.lost[:0]
}

// Empty reports that the frame goes out as it came.
func (p *Patch) Empty() bool { return len(p.splices) == 0 }

// Delta is by how many bytes the frame grows.
func (p *Patch) Delta() int { return len(p.arena) - p.taken }

// Nodes are the real addresses that a Metadata or DescribeCluster answer
// taught, in the order of the answer; valid until Reset.
func (p *Patch) Nodes() []Node { return p.nodes }

// Unroutable are the node ids for which View.Address said no; valid until Reset.
func (p *Patch) Unroutable() []int32 { return p.lost }

// Segments appends the patched frame to dst, as slices of frame and of the
// patch's arena in turn, and returns dst. frame is what was given to Whole,
// Prefix or Tail. Where Delta is not 0 the first four bytes are taken to be the
// size prefix and are corrected. The slices are valid until Reset and as long
// as frame is.
func (p *Patch) Segments(dst [][]byte, frame []byte) [][]byte {
	if p.Empty() {
		return append(dst, frame)
	}
	at := 0
	if d := p.Delta(); d != 0 {
		size := int64(binary.BigEndian.Uint32(frame)) + int64(d)
		binary.BigEndian.PutUint32(p.size[:], uint32(size))
		dst = append(dst, p.size[:])
		at = 4
	}
	for i, s := range p.splices {
		if s.off > at {
			dst = append(dst, frame[at:s.off])
		}
		to := len(p.arena)
		if i+1 < len(p.splices) {
			to = p.splices[i+1].from
		}
		if to > s.from {
			dst = append(dst, p.arena[s.from:to])
		}
		at = s.off + s.n
	}
	if at < len(frame) {
		dst = append(dst, frame[at:])
	}
	return dst
}

// cut begins to replace frame[off:end] by what is put after it. Cuts come in
// order of off and do not overlap.
func (p *Patch) cut(frame []byte, off, end int) {
	p.taken += end - off
	if k := len(p.splices); k > 0 {
		last := &p.splices[k-1]
		stop := last.off + last.n
		if off-stop <= joinGap || k >= maxSplices {
			p.arena = append(p.arena, frame[stop:off]...)
			p.taken += off - stop
			last.n = end - last.off
			return
		}
	}
	p.splices = append(p.splices, splice{off: off, n: end - off, from: len(p.arena)})
}

func (p *Patch) putByte(b byte) { p.arena = append(p.arena, b) }

func (p *Patch) putInt16(v int16) { p.arena = binary.BigEndian.AppendUint16(p.arena, uint16(v)) }

func (p *Patch) putInt32(v int32) { p.arena = binary.BigEndian.AppendUint32(p.arena, uint32(v)) }

func (p *Patch) putUvarint(v uint32) { p.arena = binary.AppendUvarint(p.arena, uint64(v)) }

func (p *Patch) putString(s string, flex bool) {
	if flex {
		p.putUvarint(uint32(len(s)) + 1)
	} else {
		p.putInt16(int16(len(s)))
	}
	p.arena = append(p.arena, s...)
}

// learn keeps a real address. Hosts are copied: the frame dies before Reset.
func (p *Patch) learn(id int32, host []byte, port int32) {
	at := len(p.names)
	p.names = append(p.names, host...)
	p.nodes = append(p.nodes, Node{ID: id, Host: p.names[at:len(p.names):len(p.names)], Port: port})
}
