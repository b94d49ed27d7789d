package codec

// shape says what an element of a node array holds besides id, host and port.
type shape struct {
	rack   bool // a nullable string behind the port
	fenced bool // a bool behind the rack
	learn  bool // these are the cluster's brokers: keep the real addresses
	hide   bool // not brokers: never a port that could be dialled
}

// address is one host and port on the wire, at[off:end) of the frame.
type address struct {
	node     int32
	host     []byte
	port     int32
	off, end int
}

// told is what the client is told instead; same reports that it is what stands
// there already. Entries that name no node (id -1, no host, port -1) are left.
func (a address) told(v View) (host string, port int32, routable, same bool) {
	if a.node < 0 || len(a.host) == 0 || a.port < 0 {
		return "", 0, true, true
	}
	host, port, routable = v.Address(a.node)
	if !routable {
		port = 0
	}
	return host, port, routable, port == a.port && host == string(a.host)
}

// replace records the splice for one address, if it needs one.
func (p *Patch) replace(r *reader, v View, a address, hide bool) {
	host, port, routable, same := a.told(v)
	if !routable && !hide {
		p.lost = append(p.lost, a.node)
	}
	if hide && port != 0 {
		port, same = 0, false
	}
	if same {
		return
	}
	p.cut(r.b, a.off, a.end)
	p.putString(host, r.flex)
	p.putInt32(port)
}

// grown is by how many bytes replace would change the frame.
func (a address) grown(v View, flex bool) (by int, same bool) {
	host, _, _, same := a.told(v)
	if same {
		return 0, true
	}
	n := 2 + len(host)
	if flex {
		n = uvarintLen(uint32(len(host))+1) + len(host)
	}
	return n + 4 - (a.end - a.off), false
}

// readAddress reads node id, host and port.
func readAddress(r *reader) address {
	a := address{node: r.int32()}
	a.off = r.off
	a.host = r.str()
	a.port = r.int32()
	a.end = r.off
	return a
}

// readNode reads one element of a node array.
func readNode(r *reader, s shape) address {
	a := readAddress(r)
	if s.rack {
		r.str()
	}
	if s.fenced {
		r.skip(1)
	}
	r.tags()
	return a
}

// patchNodes walks a node array and patches every address in it.
func patchNodes(r *reader, p *Patch, v View, s shape) {
	r.in("node count", -1)
	n := r.count()
	for i := 0; i < n; i++ {
		r.in("node", i)
		a := readNode(r, s)
		if !r.ok() {
			return
		}
		if s.learn && a.node >= 0 && len(a.host) > 0 && a.port >= 0 {
			p.learn(a.node, a.host, a.port)
		}
		p.replace(r, v, a, s.hide)
	}
}

// measureNodes walks a node array and says whether patchNodes would change it,
// and by how many bytes it would grow.
func measureNodes(r *reader, v View, s shape) (grown int, changed bool) {
	r.in("node count", -1)
	n := r.count()
	for i := 0; i < n; i++ {
		r.in("node", i)
		a := readNode(r, s)
		if !r.ok() {
			break
		}
		by, same := a.grown(v, r.flex)
		grown, changed = grown+by, changed || !same
	}
	return grown, changed
}
