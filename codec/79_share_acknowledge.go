package codec

var shareAcknowledgeEndpoints = endpoints{api: "ShareAcknowledge", body: shareAcknowledgeBody}

var (
	shareAcknowledgeTopics = array(fixed(16), array(
		fixed(4+2), compact, // index, error
		fixed(4+4), tags, // current leader
		tags), tags)
	shareAcknowledgeBody0 = seq(answerHead, fixed(4+2), compact, shareAcknowledgeTopics, toTail)
	shareAcknowledgeBody2 = seq(answerHead, fixed(4+2), compact, fixed(4), shareAcknowledgeTopics, toTail)
)

// shareAcknowledgeBody: v2 added the acquisition lock timeout.
func shareAcknowledgeBody(version int16) program {
	if version >= 2 {
		return shareAcknowledgeBody2
	}
	return shareAcknowledgeBody0
}
