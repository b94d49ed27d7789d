package codec

var shareFetchEndpoints = endpoints{api: "ShareFetch", body: shareFetchBody}

var (
	shareFetchTopics = array(fixed(16), array(
		fixed(4+2), compact, // index, error
		fixed(2), compact, // acknowledge error
		fixed(4+4), tags, // current leader
		compact,                   // records
		array(fixed(8+8+2), tags), // acquired records
		tags), tags)
	shareFetchBody0 = seq(answerHead, fixed(4+2), compact, shareFetchTopics, toTail)
	shareFetchBody1 = seq(answerHead, fixed(4+2), compact, fixed(4), shareFetchTopics, toTail)
)

// shareFetchBody: v1 added the acquisition lock timeout.
func shareFetchBody(version int16) program {
	if version >= 1 {
		return shareFetchBody1
	}
	return shareFetchBody0
}
