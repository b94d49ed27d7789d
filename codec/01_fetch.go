package codec

const (
	fetchFlex        = 12
	fetchReplicaTag  = 1  // ReplicaState, v15+
	fetchTaggedState = 15 // the first version in which ReplicaId is in a tag
)

// fetchCheck refuses fetches of a follower. ReplicaId is the first field up to
// v14; from v15 on it is in a tagged field at the very end of the request, so the
// whole of it is asked for, bounded by DecodeLimit.
func fetchCheck(h Head, prefix []byte) (ok bool, err error) {
	if h.Version < fetchTaggedState {
		return leadingReplica("Fetch", fetchFlex, h, prefix)
	}
	if h.Size > DecodeLimit {
		return false, tooLarge("Fetch v%d request: size %d, limit %d", h.Version, h.Size-4, DecodeLimit-4)
	}
	if len(prefix) < h.Size {
		return false, nil
	}
	var s Skim
	s.start(h, fetchRequest15)
	at, found, err := s.walk(prefix[:h.Size])
	if err != nil {
		return false, err
	}
	if !found {
		return false, malformed("Fetch v%d request: short", h.Version)
	}
	r := reader{b: prefix, off: at, end: h.Size, flex: true}
	r.in("tag count", -1)
	for n := r.uvarint(); n > 0 && r.ok(); n-- {
		key, size := r.tag()
		next := r.off + size
		if key == fetchReplicaTag {
			r.in("replica state", -1)
			if id := r.int32(); r.ok() && id >= 0 {
				return false, replicaError("Fetch", h, id)
			}
		}
		r.skip(next - r.off)
	}
	if err := r.err("Fetch", h.Version, "request"); err != nil {
		return false, err
	}
	return true, nil
}

// fetchRequest15 steps over a request without an own ReplicaId field (v15+).
var fetchRequest15 = seq(requestHead,
	fixed(4+4+4+1+4+4), // max wait, min bytes, max bytes, isolation, session, epoch
	array(fixed(16), array(fixed(4+4+8+4+8+4), tags), tags),
	array(fixed(16), array(fixed(4)), tags), // forgotten topics
	compact,                                 // rack
	toTail)

var fetchEndpoints = endpoints{api: "Fetch", tagged: true, body: fetchBody}

var fetchBody16 = seq(answerHead,
	fixed(4+2+4), // throttle time, error, session
	array(fixed(16), array(
		fixed(4+2+8+8+8),        // index, error, high watermark, last stable, log start
		array(fixed(8+8), tags), // aborted transactions
		fixed(4),                // preferred replica
		compact,                 // records
		tags), tags),
	toTail)

// fetchBody is for v16 and up.
func fetchBody(int16) program { return fetchBody16 }
