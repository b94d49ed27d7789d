package codec

// endpoints is one API's NodeEndpoints (KIP-951): where a client finds the new
// leader of a partition. Produce and Fetch carry them as tagged field 0 of the
// body, the share APIs as a plain array in front of the body's tags; either way
// they are in the tail behind everything that may be large.
type endpoints struct {
	api    string
	tagged bool
	body   func(version int16) program // steps over what is in front of the tail
}

const (
	endpointsTag = 0
	// fillerTag is the lowest id of the tagged field that takes up what a
	// same-size rewrite leaves over. Kafka's own ids count up from 0.
	fillerTag = 99
)

var endpointShape = shape{rack: true}

// whole patches a frame that is all here, exactly.
func (e *endpoints) whole(p *Patch, v View, h Head, frame []byte) error {
	p.Reset()
	at, err := tailOf(h, frame, e.body(h.Version))
	if err != nil {
		return err
	}
	t, err := e.find(h, v, frame, at)
	if err == nil && t.changed {
		t.rewrite(p, v, frame)
	}
	return err
}

// tail patches the tail of a frame whose size has been told already: what
// shorter addresses leave over goes into a tagged field that nobody knows; where
// they need more room than there is, the nodes are taken out instead, and
// clients look the leader up in their metadata.
func (e *endpoints) tail(p *Patch, v View, h Head, b []byte) error {
	p.Reset()
	t, err := e.find(h, v, b, 0)
	switch {
	case err != nil || !t.changed:
		return err
	case t.grown == 0:
		t.rewrite(p, v, b)
	case t.shrink(p, v, b), t.remove(p, b):
	default:
		return malformed("%s v%d response: no tag id above %d, no room for addresses", e.api, h.Version, t.last)
	}
	return nil
}

// endpointsTail is where things stand in a tail, as offsets into the bytes read.
type endpointsTail struct {
	changed bool // some address differs from what the client is to be told
	tagged  bool

	count, countEnd int    // the number of tagged fields, a varint
	tags            uint32 // and its value
	last            int64  // highest id of the other tagged fields; -1: none
	end             int    // behind the tagged fields

	key, size     int    // tagged field 0: its id, its size
	newSize       uint32 // of the node array once rewritten
	list, listEnd int    // the node array
	grown         int    // by how much a rewrite changes the tail
}

// find reads the tail that begins at b[at].
func (e *endpoints) find(h Head, v View, b []byte, at int) (endpointsTail, error) {
	r := reader{b: b, off: at, end: len(b), flex: true}
	t := endpointsTail{tagged: e.tagged, last: -1}
	if !e.tagged {
		t.measure(&r, v)
	}
	r.in("tag count", -1)
	t.count = r.off
	t.tags = r.uvarint()
	t.countEnd = r.off
	for i := uint32(0); i < t.tags && r.ok(); i++ {
		r.in("tag", int(i))
		begin := r.off
		key := r.uvarint()
		sized := r.off
		size := r.tagSize()
		switch {
		case !e.tagged || key != endpointsTag:
			t.last = max(t.last, int64(key))
			r.skip(size)
		case i > 0:
			r.fail("out of order: tag", int64(key))
		default:
			t.key, t.size = begin, sized
			t.inside(&r, v, size)
		}
	}
	t.end = r.off
	return t, r.err(e.api, h.Version, "response")
}

// inside measures the node array that is all of a tagged field.
func (t *endpointsTail) inside(r *reader, v View, size int) {
	end := r.end
	r.end = r.off + size
	t.measure(r, v)
	if r.off != r.end {
		r.fail("bytes behind the last node:", int64(r.end-r.off))
	}
	r.end = end
	if t.grown != 0 {
		t.newSize = uint32(size + t.grown)
		t.grown += uvarintLen(t.newSize) - (t.list - t.size)
	}
}

func (t *endpointsTail) measure(r *reader, v View) {
	t.list = r.off
	t.grown, t.changed = measureNodes(r, v, endpointShape)
	t.listEnd = r.off
}

// rewrite puts the new addresses in; the tail grows by t.grown.
func (t *endpointsTail) rewrite(p *Patch, v View, b []byte) {
	if t.newSize != 0 {
		p.cut(b, t.size, t.list)
		p.putUvarint(t.newSize)
	}
	r := reader{b: b, off: t.list, end: t.listEnd, flex: true}
	patchNodes(&r, p, v, endpointShape)
}

// shrink rewrites and fills up; false, and nothing done, where that has no room.
func (t *endpointsTail) shrink(p *Patch, v View, b []byte) bool {
	f, ok := filler(-t.grown-t.countGrows(), t.last)
	if !ok {
		return false
	}
	if t.tagged { // the number of tags stands in front of the nodes
		t.countUp(p, b)
		t.rewrite(p, v, b)
	} else {
		t.rewrite(p, v, b)
		t.countUp(p, b)
	}
	p.cut(b, t.end, t.end)
	f.put(p)
	return true
}

// remove takes the nodes out and fills up; false, and nothing done, where that
// has no room.
func (t *endpointsTail) remove(p *Patch, b []byte) bool {
	if t.tagged { // one tag goes, one comes: the number stays
		f, ok := filler(t.listEnd-t.key, t.last)
		if !ok {
			return false
		}
		p.cut(b, t.key, t.listEnd)
		p.cut(b, t.end, t.end)
		f.put(p)
		return true
	}
	const empty = 1 // a compact array of no elements
	f, ok := filler(t.listEnd-t.list-empty-t.countGrows(), t.last)
	if !ok {
		return false
	}
	p.cut(b, t.list, t.listEnd)
	p.putUvarint(empty)
	t.countUp(p, b)
	p.cut(b, t.end, t.end)
	f.put(p)
	return true
}

func (t *endpointsTail) countGrows() int { return uvarintLen(t.tags+1) - (t.countEnd - t.count) }

func (t *endpointsTail) countUp(p *Patch, b []byte) {
	p.cut(b, t.count, t.countEnd)
	p.putUvarint(t.tags + 1)
}

// fill is a tagged field of n zero bytes.
type fill struct {
	key uint32
	n   int
}

// filler finds a tagged field that takes exactly room bytes, with an id above
// after (ids ascend). The width of the id makes up for the sizes that a varint
// in front of the zeros cannot reach.
func filler(room int, after int64) (fill, bool) {
	for _, key := range [...]int64{fillerTag, 1 << 7, 1 << 14, 1 << 21, 1 << 28} {
		key = max(key, after+1)
		if key > 1<<32-1 {
			break
		}
		rest := room - uvarintLen(uint32(key))
		for w := 1; w <= 3 && w <= rest; w++ {
			if uvarintLen(uint32(rest-w)) == w {
				return fill{uint32(key), rest - w}, true
			}
		}
	}
	return fill{}, false
}

func (f fill) put(p *Patch) {
	p.putUvarint(f.key)
	p.putUvarint(uint32(f.n))
	for range f.n {
		p.putByte(0)
	}
}
