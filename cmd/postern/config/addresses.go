package config

import (
	"net"
	"net/netip"
	"strconv"
	"strings"
)

// maxHost is the longest host name DNS knows.
const maxHost = 253

// isHost tells whether text is an address or could be a host name: letters, digits, '-', '_' and '.'.
func isHost(text string) bool {
	if _, err := netip.ParseAddr(text); err == nil {
		return true
	}
	if text == "" || len(text) > maxHost || strings.HasPrefix(text, ".") || strings.HasPrefix(text, "-") || strings.Contains(text, "..") {
		return false
	}
	for _, c := range []byte(text) {
		if !isNameByte(c) && c != '-' && c != '.' {
			return false
		}
	}
	return true
}

// isHostPort tells whether text is host:port with a port a socket can be connected to.
func isHostPort(text string) bool {
	host, port, err := net.SplitHostPort(text)
	if err != nil || !isHost(host) {
		return false
	}
	n, err := strconv.ParseUint(port, 10, 16)
	return err == nil && n > 0
}

// sameInterface tells whether sockets bound to a and to b can meet.
func sameInterface(a, b string) bool { return a == b || isWildcard(a) || isWildcard(b) }

func isWildcard(host string) bool {
	addr, err := netip.ParseAddr(host)
	return err == nil && addr.IsUnspecified()
}

// isNameByte tells whether c may stand in the name of a shell variable.
func isNameByte(c byte) bool {
	return c == '_' || '0' <= c && c <= '9' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
}
