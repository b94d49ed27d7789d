package codec

const produceFlex = 9

// produceSilent reports acks=0: the broker will not answer. acks is the first
// field of v0-2 and stands behind the transactional id from v3 on.
func produceSilent(h Head, prefix []byte) (silent, ok bool, err error) {
	r := request(produceFlex, h, prefix)
	r.in("transactional id", -1)
	if h.Version >= 3 {
		r.str()
	}
	r.in("acks", -1)
	acks := r.int16()
	if ok, err = peeked(&r, "Produce", h); !ok {
		return false, false, err
	}
	return acks == 0, true, nil
}

var produceEndpoints = endpoints{api: "Produce", tagged: true, body: produceBody}

var (
	producePartition = array(
		fixed(4+2+8+8+8),               // index, error, offset, append time, log start
		array(fixed(4), compact, tags), // record errors
		compact,                        // error message
		tags)
	produceBody10 = seq(answerHead, array(compact, producePartition, tags), fixed(4), toTail)
	produceBody13 = seq(answerHead, array(fixed(16), producePartition, tags), fixed(4), toTail)
)

// produceBody is for v10 and up; the topic's name became its id in v13.
func produceBody(version int16) program {
	if version >= 13 {
		return produceBody13
	}
	return produceBody10
}
