package demo

import (
	"fmt"
	"io"
	"strings"
)

// transcript prints the demo's progress. The first write that fails is kept in
// err and nothing is written after it.
type transcript struct {
	w   io.Writer
	err error
}

// line prints one line.
func (t *transcript) line(format string, args ...any) {
	if t.err != nil {
		return
	}
	if _, err := fmt.Fprintf(t.w, format+"\n", args...); err != nil {
		t.err = fmt.Errorf("demo: transcript: %w", err)
	}
}

// block prints text line by line, indented.
func (t *transcript) block(indent, text string) {
	for l := range strings.SplitSeq(strings.TrimSuffix(text, "\n"), "\n") {
		t.line("%s", strings.TrimRight(indent+l, " "))
	}
}

// header says what runs where and from what the gateway was configured.
func (t *transcript) header(w *walk) {
	t.line("The mTLS and user-mapping demo")
	t.line("")
	t.line("  brokers 1, 2, 3   %s   plaintext, in this process", bootstrapList(brokerAddresses(w.o.BrokerPort)))
	t.line("  gateway           %s   mTLS; brokers 1, 2, 3 are met at the three ports after it", w.bootstrap())
	t.line("  admin API         %s   user admin, password conduktor", w.admin())
	t.line("  files             %s", w.dir)
	t.block("                    ", fileClientConfig+" (Java), "+fileKcatConfig+" (kcat and others on librdkafka),\n"+
		fileKeyStore+" and "+fileTrustStore+" (PKCS12), "+fileRealJKSKeys+" and "+fileRealJKSTrust+" (JKS),\n"+
		fileCertificate+", "+fileKey+" (PEM), "+fileGatewayLog)
	t.line("")
	t.line("The gateway was configured by:")
	t.block("  ", envFile(w.environ))
	t.line("")
	t.line("The lines under \"by hand\" repeat a step from another terminal. The Java tools are")
	t.line("called kafka-topics here, and kafka-topics.sh in Apache's own archive.")
}

// step announces one.
func (t *transcript) step(n, of int, title string) {
	t.line("")
	t.line("[%d/%d] %s", n, of, title)
}

// outcome prints what was seen and how to see it again.
func (t *transcript) outcome(seen string, byHand []string) {
	t.block("      ok: ", firstLine(seen))
	if rest := otherLines(seen); rest != "" {
		t.block("          ", rest)
	}
	t.line("      by hand:")
	for _, l := range byHand {
		t.block("        ", l)
	}
}

// failure prints what a step ended with.
func (t *transcript) failure(err error) {
	t.block("      ", "FAILED: "+err.Error())
}

func firstLine(s string) string {
	first, _, _ := strings.Cut(s, "\n")
	return first
}

func otherLines(s string) string {
	_, rest, _ := strings.Cut(s, "\n")
	return rest
}
