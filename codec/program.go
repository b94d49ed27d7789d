package codec

// program is how to step over the fields of one message, in order. Lengths are
// compact (flexible versions only), but for opString16.
type program []instr

type instr struct {
	op  op
	arg uint16
}

type op uint8

const (
	opTail     op = iota // what follows is the tail
	opSkip               // arg bytes
	opBytes              // compact nullable string or bytes
	opRaw                // length, then that many bytes
	opString16           // int16 length, then that many bytes
	opNumber             // a varint
	opArray              // compact array; arg is the length of the body, its opEnd included
	opTags               // tagged fields; as opArray, but the count is not off by one
	opEnd                // end of an array's body
)

// The builders below make programs read like the schema they step over.

func seq(parts ...program) program {
	var p program
	for _, part := range parts {
		p = append(p, part...)
	}
	return p
}

func fixed(n uint16) program { return program{{opSkip, n}} }

func array(parts ...program) program { return counted(opArray, seq(parts...)) }

func counted(o op, body program) program {
	return append(append(program{{o, uint16(len(body) + 1)}}, body...), instr{op: opEnd})
}

var (
	compact     = program{{op: opBytes}}
	string16    = program{{op: opString16}}
	tags        = counted(opTags, program{{op: opNumber}, {op: opRaw}})
	toTail      = program{{op: opTail}}
	answerHead  = seq(fixed(responseHeadLen), tags)
	requestHead = seq(fixed(requestHeadLen), string16, tags)
)
