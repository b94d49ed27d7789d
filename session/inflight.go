package session

// entry is one request that awaits its answer.
type entry struct {
	corr    int32
	key     int16
	version int16
	from    source
}

// source says where an answer comes from.
type source uint8

const (
	remote        source = iota // the broker
	localVersions               // the gateway: it does not speak this version of ApiVersions
	localReady                  // the gateway: the first of Session.ready
)

// ring pairs answers with requests and keeps their order. A Kafka broker
// answers the requests of one connection in the order they came, so a queue is
// all that is needed (Kafka's SocketServer mutes a channel while a request is
// being served).
type ring struct {
	slots []entry // len is a power of two, or zero while nothing was ever asked
	head  uint32  // next to be answered
	tail  uint32  // next free
}

func (r *ring) len() int { return int(r.tail - r.head) }

func (r *ring) push(e entry) {
	if r.len() == len(r.slots) {
		r.grow()
	}
	r.slots[r.tail&uint32(len(r.slots)-1)] = e
	r.tail++
}

// front returns the oldest entry; the ring must not be empty.
func (r *ring) front() entry { return r.slots[r.head&uint32(len(r.slots)-1)] }

func (r *ring) pop() { r.head++ }

// grow doubles the ring. It begins small because most connections never have
// more than five requests in flight, and there may be thousands of them.
func (r *ring) grow() {
	slots := make([]entry, max(8, 2*len(r.slots)))
	n := r.len()
	for i := range n {
		slots[i] = r.slots[(r.head+uint32(i))&uint32(len(r.slots)-1)]
	}
	r.slots, r.head, r.tail = slots, 0, uint32(n)
}
