package session

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/postern-kafka/postern/codec"
	"github.com/postern-kafka/postern/mapping"
)

var rewrite = flag.Bool("rewrite", false, "write what the sessions did into testdata/script")

// TestScripts plays the conversations in testdata/script. A block is input
// lines, "----", and what the session did; an empty line ends it. Lines of one
// side that stand together come in one read.
func TestScripts(t *testing.T) {
	files, err := filepath.Glob("testdata/script/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("no scripts: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			got := playScript(t, string(want), 0)
			if *rewrite {
				if err := os.WriteFile(file, []byte(got), 0o600); err != nil {
					t.Fatal(err)
				}
				return
			}
			if got != string(want) {
				t.Errorf("the session did something else (accept with -rewrite if you understand why):\n%s", firstDifference(string(want), got))
			}
		})
	}
}

// TestChop: however the stream is cut into reads, the session does the same
// (property P2). A session that keeps state by chunk instead of by byte fails.
func TestChop(t *testing.T) {
	files, err := filepath.Glob("testdata/script/*.txt")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		want, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, chop := range []int{1, 3, 11, 500, 40_000} {
			if chop < 100 && strings.Contains(string(want), "topics=4000") {
				continue // the head is walked anew for each of 150,000 reads
			}
			if got := playScript(t, string(want), chop); got != string(want) {
				t.Errorf("%s in reads of %d bytes: %s", file, chop, firstDifference(string(want), got))
			}
		}
	}
}

func firstDifference(want, got string) string {
	w, g := strings.Split(want, "\n"), strings.Split(got, "\n")
	for i := range max(len(w), len(g)) {
		var a, b string
		if i < len(w) {
			a = w[i]
		}
		if i < len(g) {
			b = g[i]
		}
		if a != b {
			return fmt.Sprintf("line %d\nwant %s\ngot  %s", i+1, a, b)
		}
	}
	return ""
}

// playScript returns the script with its outputs replaced by what happened.
func playScript(t *testing.T, script string, chop int) string {
	p := newPlayer(t)
	p.chop = chop
	var out strings.Builder
	for _, block := range strings.Split(strings.TrimRight(script, "\n"), "\n\n") {
		input, _, isCommand := strings.Cut(block, "\n----")
		if !isCommand {
			out.WriteString(block + "\n\n")
			continue
		}
		p.out.Reset()
		for _, line := range strings.Split(input, "\n") {
			if !strings.HasPrefix(line, "#") {
				p.command(line)
			}
		}
		p.deliver()
		p.printStreams()
		p.printUnread()
		out.WriteString(input + "\n----\n" + p.out.String() + "\n")
	}
	return strings.TrimRight(out.String(), "\n") + "\n"
}

// player is the world around one session.
type player struct {
	t      testing.TB
	cfg    *Config
	book   *mapping.Book
	ports  *mapping.Ports
	s      *Session
	fx     Effects
	out    strings.Builder
	phase  Phase
	queued [2][]byte // input of this block, by the side it comes from
	kept   [2][]byte // input that the session has not consumed
	stream [2][]byte // output that has not been printed, by the side it goes to
	asked  map[int32]codec.Head
	tokens [2]int // messages without a header to come in stream
	chop   int    // bytes per read; 0 is all at once
}

func newPlayer(t testing.TB) *player {
	p := &player{t: t, asked: make(map[int32]codec.Head)}
	p.fx.Stats = new(Stats)
	p.book = mapping.NewBook([]string{"10.0.0.9:9092"})
	p.ports = mapping.NewPorts("gw", 6969, 0, 6)
	p.cfg = &Config{View: p.ports, Users: mapping.NewUsers(), Book: p.book, MaxFrame: codec.MaxFrame, MaxInFlight: 8}
	p.fx.Now = time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC)
	p.begin(Anywhere)
	return p
}

func (p *player) begin(node int32) {
	p.s = New(p.cfg, node)
	p.phase = p.s.Phase()
}

func (p *player) command(line string) {
	word, rest, _ := strings.Cut(line, " ")
	args := arguments(rest)
	switch word {
	case "listener":
		p.listener(args)
	case "mapping":
		p.cfg.Users.Put(mapping.Mapping{Username: args["username"], Principal: args["principal"], VCluster: mapping.Passthrough})
	case "start":
		var err error
		if text := args["error"]; text != "" {
			err = errors.New(text)
		}
		p.s.Start(mapping.Auth{Principal: args["principal"]}, err, &p.fx)
		p.print()
	case "dialed":
		var err error
		if text := args["error"]; text != "" {
			err = errors.New(text)
		}
		p.s.Dialed(err, &p.fx)
		p.print()
	case "client":
		p.queued[Client] = append(p.queued[Client], p.request(rest, args)...)
	case "wait":
		d, err := time.ParseDuration(rest)
		if err != nil {
			p.t.Fatal(err)
		}
		p.fx.Now = p.fx.Now.Add(d)
	case "token":
		from, text, _ := strings.Cut(rest, " ")
		side := Client
		if from == "broker" {
			side = Broker
		}
		text = strings.ReplaceAll(text, `\0`, "\x00")
		p.queued[side] = append(binary.BigEndian.AppendUint32(p.queued[side], uint32(len(text))), text...)
		to := Client
		if side == Client && p.cfg.SASL.delegated() {
			to = Broker
		}
		p.tokens[to]++
	case "broker":
		p.queued[Broker] = append(p.queued[Broker], p.response(rest, args)...)
	case "ended":
		side := Client
		if strings.HasPrefix(rest, "broker") {
			side = Broker
		}
		var err error
		if text := args["error"]; text != "" {
			err = errors.New(text)
		}
		p.s.Ended(side, err, &p.fx)
		p.print()
	case "drain":
		p.s.StartDrain(&p.fx)
		p.print()
	default:
		p.t.Fatalf("unknown command %q", line)
	}
}

func (p *player) listener(args map[string]string) {
	host, port, _ := strings.Cut(args["advertise"], ":")
	p.ports = mapping.NewPorts(host, p.number(port), int32(p.number(args["min"])), p.number(args["ports"]))
	p.cfg.View = p.ports
	p.cfg.MandatoryVCluster = args["mandatory"] == "true"
	if n := args["inflight"]; n != "" {
		p.cfg.MaxInFlight = p.number(n)
	}
	node := Anywhere
	if n := args["node"]; n != "" {
		node = int32(p.number(n))
	}
	switch args["sasl"] {
	case "gateway":
		lifetime, _ := time.ParseDuration(args["lifetime"])
		p.cfg.SASL = &SASL{Mechanisms: fakeMechanisms{}, Observe: observe, MaxLifetime: lifetime}
	case "broker":
		p.cfg.SASL = &SASL{Observe: observe}
	}
	if args["versions"] != "unknown" {
		v := codec.NewVersions([]*kmsg.ApiVersionsResponse{p.versions()})
		p.cfg.Versions = func() *codec.Versions { return v }
	}
	p.begin(node)
}

// request builds a frame from "Metadata v12 corr=7", or from "raw <hex>".
func (p *player) request(rest string, args map[string]string) []byte {
	if raw, ok := strings.CutPrefix(rest, "raw "); ok {
		b := p.hex(raw)
		if h, ok, err := codec.RequestHead(b, codec.MaxFrame); ok && err == nil {
			p.asked[h.Corr] = h
		}
		return b
	}
	key, version := p.api(rest)
	corr := int32(p.number(args["corr"]))
	p.asked[corr] = codec.Head{Key: key, Version: version, Corr: corr}
	r := kmsg.RequestForKey(key)
	r.SetVersion(version)
	switch r := r.(type) {
	case *kmsg.ProduceRequest:
		r.Acks = -1
		if args["acks"] != "" {
			r.Acks = int16(p.number(args["acks"]))
		}
		if id := args["txn"]; id != "" {
			r.TransactionID = &id
		}
		topic := kmsg.NewProduceRequestTopic()
		topic.Topic = "orders"
		part := kmsg.NewProduceRequestTopicPartition()
		part.Records = make([]byte, p.number(args["records"]))
		topic.Partitions = append(topic.Partitions, part)
		r.Topics = append(r.Topics, topic)
	case *kmsg.SASLHandshakeRequest:
		r.Mechanism = args["mechanism"]
	case *kmsg.SASLAuthenticateRequest:
		r.SASLAuthBytes = []byte(strings.ReplaceAll(args["bytes"], `\0`, "\x00") + strings.Repeat("x", p.number(args["more"])))
	case *kmsg.MetadataRequest:
		r.Topics = []kmsg.MetadataRequestTopic{}
		if name := args["topic"]; name != "" {
			topic := kmsg.NewMetadataRequestTopic()
			topic.Topic = &name
			r.Topics = append(r.Topics, topic)
		}
	case *kmsg.FetchRequest:
		r.ReplicaID = -1
		if args["replica"] != "" {
			r.ReplicaID = int32(p.number(args["replica"]))
		}
	}
	return kmsg.NewRequestFormatter(kmsg.FormatterClientID("app")).AppendRequest(nil, r, corr)
}

// response builds the answer to the request with that correlation id.
func (p *player) response(rest string, args map[string]string) []byte {
	if raw, ok := strings.CutPrefix(rest, "raw "); ok {
		return p.hex(raw)
	}
	key, version := p.api(rest)
	r := kmsg.RequestForKey(key).ResponseKind()
	r.SetVersion(version)
	brokers := p.brokers(args["brokers"])
	switch r := r.(type) {
	case *kmsg.MetadataResponse:
		for _, b := range brokers {
			nb := kmsg.NewMetadataResponseBroker()
			nb.NodeID, nb.Host, nb.Port = b.ID, b.Host, b.Port
			r.Brokers = append(r.Brokers, nb)
		}
		for i := range p.number(args["topics"]) {
			topic := kmsg.NewMetadataResponseTopic()
			name := fmt.Sprintf("topic-%06d", i)
			topic.Topic = &name
			for n := range p.number(args["partitions"]) {
				part := kmsg.NewMetadataResponseTopicPartition()
				part.Partition, part.Leader = int32(n), 1
				part.Replicas, part.ISR = []int32{1, 2, 3}, []int32{1, 2, 3}
				topic.Partitions = append(topic.Partitions, part)
			}
			r.Topics = append(r.Topics, topic)
		}
	case *kmsg.ProduceResponse:
		for _, b := range brokers {
			nb := kmsg.NewProduceResponseBroker()
			nb.NodeID, nb.Host, nb.Port = b.ID, b.Host, b.Port
			r.Brokers = append(r.Brokers, nb)
		}
	case *kmsg.FetchResponse:
		topic := kmsg.NewFetchResponseTopic()
		part := kmsg.NewFetchResponseTopicPartition()
		part.RecordBatches = make([]byte, p.number(args["records"]))
		topic.Partitions = append(topic.Partitions, part)
		r.Topics = append(r.Topics, topic)
		for _, b := range brokers {
			nb := kmsg.NewFetchResponseBroker()
			nb.NodeID, nb.Host, nb.Port = b.ID, b.Host, b.Port
			r.Brokers = append(r.Brokers, nb)
		}
	case *kmsg.ApiVersionsResponse:
		r.ApiKeys = p.versions().ApiKeys
	case *kmsg.SASLHandshakeResponse:
		r.ErrorCode = int16(p.number(args["error"]))
		r.SupportedMechanisms = []string{"PLAIN"}
	case *kmsg.SASLAuthenticateResponse:
		r.ErrorCode = int16(p.number(args["error"]))
		r.SASLAuthBytes = []byte(args["bytes"])
		r.SessionLifetimeMillis = int64(p.number(args["lifetime"]))
	}
	var body []byte
	if r.IsFlexible() && key != 18 {
		body = append(body, 0)
	}
	body = r.AppendTo(body)
	frame := binary.BigEndian.AppendUint32(nil, uint32(4+len(body)))
	frame = binary.BigEndian.AppendUint32(frame, uint32(p.number(args["corr"])))
	return append(frame, body...)
}

func (p *player) versions() *kmsg.ApiVersionsResponse {
	r := kmsg.NewPtrApiVersionsResponse()
	for _, k := range []struct{ key, low, high int16 }{{0, 3, 13}, {3, 0, 99}, {18, 0, 4}, {52, 0, 2}} {
		nk := kmsg.NewApiVersionsResponseApiKey()
		nk.ApiKey, nk.MinVersion, nk.MaxVersion = k.key, k.low, k.high
		r.ApiKeys = append(r.ApiKeys, nk)
	}
	return r
}

// deliver gives the queued bytes to the session as one read, or chopped.
func (p *player) deliver() {
	for side := range p.queued {
		b := p.queued[side]
		p.queued[side] = nil
		for len(b) > 0 {
			k := len(b)
			if p.chop > 0 {
				k = min(k, p.chop)
			}
			p.read(Side(side), b[:k])
			b = b[k:]
		}
	}
	// What was held back is offered again once there is room.
	if len(p.kept[Client]) > 0 && p.s.Held() {
		p.read(Client, nil)
	}
}

// read does what the engine does with bytes that came in. The input is
// destroyed after each call, as the engine's read buffer is.
func (p *player) read(side Side, b []byte) {
	b = append(bytes.Clone(p.kept[side]), b...)
	n := 0
	for n < len(b) {
		in := bytes.Clone(b[n:])
		k := 0
		if side == Client {
			k = p.s.FromClient(in, &p.fx)
		} else {
			k = p.s.FromBroker(in, &p.fx)
		}
		p.print()
		for i := range in {
			in[i] = 0xee
		}
		n += k
		if k == 0 {
			break
		}
	}
	p.kept[side] = b[n:]
}

// print tells what the last input led to. Sent bytes are collected and printed
// frame by frame.
func (p *player) print() {
	for _, fx := range p.fx.List() {
		switch fx.Kind {
		case Send:
			for _, seg := range fx.Segments {
				p.stream[fx.Side] = append(p.stream[fx.Side], seg...)
			}
		case DialBroker:
			p.printPhase()
			if fx.Node == Anywhere {
				p.out.WriteString("dial any broker\n")
			} else {
				fmt.Fprintf(&p.out, "dial broker %d\n", fx.Node)
			}
		case Learn:
			p.out.WriteString("learn")
			var known []mapping.Broker
			for _, n := range fx.Nodes {
				fmt.Fprintf(&p.out, " %d@%s:%d", n.ID, n.Host, n.Port)
				known = append(known, mapping.Broker{ID: n.ID, Host: string(n.Host), Port: n.Port})
			}
			p.book.Learn(known)
			p.out.WriteString("\n")
		case Close:
			p.printStreams()
			p.printPhase()
			p.out.WriteString("close, " + p.s.Reason().String() + "\n")
		}
	}
	p.printPhase()
}

func (p *player) printPhase() {
	if now := p.s.Phase(); now != p.phase {
		p.phase = now
		fmt.Fprintf(&p.out, "phase %s\n", now)
	}
}

func (p *player) printStreams() {
	for _, side := range []Side{Broker, Client} {
		b := p.stream[side]
		for p.tokens[side] > 0 && len(b) >= 4 && len(b) >= 4+int(binary.BigEndian.Uint32(b)) {
			size := 4 + int(binary.BigEndian.Uint32(b))
			fmt.Fprintf(&p.out, "to %s: token %q\n", side, b[4:size])
			b = b[size:]
			p.tokens[side]--
		}
		for len(b) >= 8 && len(b) >= 4+int(binary.BigEndian.Uint32(b)) {
			size := 4 + int(binary.BigEndian.Uint32(b))
			fmt.Fprintf(&p.out, "to %s: %s\n", side, p.describe(side, b[:size]))
			b = b[size:]
		}
		if len(b) > 0 {
			fmt.Fprintf(&p.out, "to %s: the first %d bytes of a frame\n", side, len(b))
			if len(b) >= 8 {
				fmt.Fprintf(&p.out, "  which will have %d\n", 4+int(binary.BigEndian.Uint32(b)))
			}
		}
		p.stream[side] = b
	}
}

func (p *player) printUnread() {
	for _, side := range []Side{Client, Broker} {
		if len(p.kept[side]) > 0 {
			fmt.Fprintf(&p.out, "unread from %s: %d bytes\n", side, len(p.kept[side]))
		}
	}
}

func (p *player) describe(side Side, frame []byte) string {
	if side == Broker {
		h, _, err := codec.RequestHead(frame, codec.MaxFrame)
		if err != nil {
			return err.Error()
		}
		return fmt.Sprintf("%s v%d corr=%d, %d bytes", kmsg.NameForKey(h.Key), h.Version, h.Corr, len(frame))
	}
	corr := int32(binary.BigEndian.Uint32(frame[4:]))
	h := p.asked[corr]
	text := fmt.Sprintf("%s v%d corr=%d, %d bytes", kmsg.NameForKey(h.Key), h.Version, corr, len(frame))
	r := kmsg.RequestForKey(h.Key).ResponseKind()
	r.SetVersion(min(h.Version, r.MaxVersion()))
	body := frame[8:]
	if h.Key == 18 && binary.BigEndian.Uint16(body) == 35 {
		r.SetVersion(0)
	} else if r.IsFlexible() && h.Key != 18 {
		body = body[1:]
	}
	if err := r.ReadFrom(body); err != nil {
		return text + ": " + err.Error()
	}
	switch r := r.(type) {
	case *kmsg.MetadataResponse:
		for _, b := range r.Brokers {
			text += fmt.Sprintf(" %d@%s:%d", b.NodeID, b.Host, b.Port)
		}
		for _, topic := range r.Topics {
			if topic.ErrorCode != 0 {
				text += fmt.Sprintf(" %s error=%d", *topic.Topic, topic.ErrorCode)
			}
		}
		if r.ErrorCode != 0 {
			text += fmt.Sprintf(" error=%d", r.ErrorCode)
		}
	case *kmsg.ProduceResponse:
		for _, b := range r.Brokers {
			text += fmt.Sprintf(" %d@%s:%d", b.NodeID, b.Host, b.Port)
		}
	case *kmsg.FetchResponse:
		for _, b := range r.Brokers {
			text += fmt.Sprintf(" %d@%s:%d", b.NodeID, b.Host, b.Port)
		}
	case *kmsg.SASLHandshakeResponse:
		text += fmt.Sprintf(" error=%d %s", r.ErrorCode, strings.Join(r.SupportedMechanisms, ","))
	case *kmsg.SASLAuthenticateResponse:
		text += fmt.Sprintf(" error=%d lifetime=%d bytes=%q", r.ErrorCode, r.SessionLifetimeMillis, r.SASLAuthBytes)
		if r.ErrorMessage != nil {
			text += fmt.Sprintf(" %q", *r.ErrorMessage)
		}
	case *kmsg.ApiVersionsResponse:
		text += fmt.Sprintf(" error=%d", r.ErrorCode)
		for _, k := range r.ApiKeys {
			text += fmt.Sprintf(" %d:%d-%d", k.ApiKey, k.MinVersion, k.MaxVersion)
		}
	}
	return text
}

// api reads "Metadata v12 …".
func (p *player) api(rest string) (key, version int16) {
	fields := strings.Fields(rest)
	for k := range int16(kmsg.MaxKey + 1) {
		if kmsg.NameForKey(k) == fields[0] {
			return k, int16(p.number(strings.TrimPrefix(fields[1], "v")))
		}
	}
	p.t.Fatalf("no API is called %q", fields[0])
	return 0, 0
}

func (p *player) brokers(list string) (out []mapping.Broker) {
	for _, one := range strings.Split(list, ",") {
		id, addr, ok := strings.Cut(one, "@")
		if !ok {
			continue
		}
		host, port, _ := strings.Cut(addr, ":")
		out = append(out, mapping.Broker{ID: int32(p.number(id)), Host: host, Port: int32(p.number(port))})
	}
	return out
}

func (p *player) number(s string) int {
	if s == "" {
		return 0
	}
	n, err := strconv.Atoi(s)
	if err != nil {
		p.t.Fatal(err)
	}
	return n
}

func (p *player) hex(s string) []byte {
	b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	if err != nil {
		p.t.Fatal(err)
	}
	return b
}

// arguments reads name=value words; a value in quotes may hold spaces.
func arguments(rest string) map[string]string {
	args := make(map[string]string)
	for rest != "" {
		var word string
		if name, quoted, ok := strings.Cut(rest, `="`); ok && !strings.Contains(name, " ") {
			value, after, _ := strings.Cut(quoted, `"`)
			args[name] = value
			rest = strings.TrimLeft(after, " ")
			continue
		}
		word, rest, _ = strings.Cut(rest, " ")
		if name, value, ok := strings.Cut(word, "="); ok {
			args[name] = value
		}
	}
	return args
}
