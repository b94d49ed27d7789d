// Package engine owns every socket, goroutine and clock of the data plane. It
// turns what sockets do into the inputs of a session and performs the effects
// that come back. It knows no Kafka.
//
// # Which goroutine runs what
//
//	accept (one per port   net.Listener.Accept, backs off when descriptors run out; the ports
//	with TLS)              without are the loops' (door.go)
//	admission (bounded)    waits for a place; performs the TLS handshake; later what may take long
//	                       or wait: a dial with TLS, a login or several addresses (dial.go), a
//	                       client's credentials (dialogue.go); then it is free for others (workers.go)
//	watch (one)            measures the loops' lag and work, has sessions move (rebalance.go), cuts
//	                       silent handshakes while others wait
//	loop (one per core)    everything else, for its own sessions, without a lock, on
//	                       gnet's poller; while there is work it waits for more by itself (stay.go)
//
// A session belongs to its loop from begin on, until that gives it to another (move.go).
// While an admission goroutine does something for it (pair.aside), its loop watches neither
// of its sockets and does not look at it. It is among loop.pairs, where Drain and Revoke find
// it, once both sockets are there.
//
// # Who may handshake when
//
// A connection needs a place of MaxAdmissions for its handshake and its dial,
// and computes only in its turn: there are turns for half of the processors,
// and a handshake that waits for its peer gives its turn back (turnconn.go).
// Places and turns are handed out in turn between addresses (fairqueue.go). If
// places are wanting, peers that let their handshakes wait lose theirs, those
// of the address with the most first (halfopen.go). What waits for a place is
// bounded by waitingPerPlace; above, the address with the most is refused.
// HandshakeTimeout, and DialTimeout towards the broker, cover every wait.
//
// A client's login goes by the same rules (dialogue.go), within LoginTimeout, but what is
// judged on the loop needs no turn. One that
// failed is answered after LoginFailureDelay; meanwhile it has neither a place nor a
// turn, and of one address no more than MaxLoginFailuresPerAddress wait so.
//
// # Logins at brokers
//
// Options.BrokerLogin logs in on a connection before its session forwards
// anything (upstream_login.go). When the broker wants to see another login, the
// session is paused until nothing is under way, and a login takes the place of
// the earlier one on the same connection; its thinking is done off the loop
// (upstream_renewal.go). The engine carries bytes and knows no mechanism.
//
// # Which bytes live how long
//
// What a loop reads lies in the loop's one read buffer until the event is
// over. Plaintext of a TLS side lives until tlsterm's callback returns. What
// the session does not consume is kept in link.held; what a socket does not
// take is kept in link.out. Both are pooled, bounded, and given back when
// empty, so that an idle connection holds no buffer.
//
// # Back-pressure
//
// While a socket has more than highMark bytes waiting, nothing is read from
// the other socket of the session; while too many requests are in flight,
// nothing is read from the client. A poller of gnet cannot be told that, so poller.go
// reaches its epoll descriptor from outside.
package engine
