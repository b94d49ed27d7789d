// Package gateway puts the parts together: configuration in, a running gateway
// out. It owns nothing of its own but the order in which parts start and end,
// the TLS configurations made of the stores, and the look-out for brokers.
package gateway
