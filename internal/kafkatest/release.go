package kafkatest

import (
	"fmt"
	"sort"
	"strings"
)

// The releases that tests are run with. Broker releases are also good for
// tools when they carry them; the 4.4.0 tools are not published to Maven, so
// its brokers are driven with the tools of 4.3.0.
const (
	Kafka352 = "3.5.2" // brokers and tools
	Kafka440 = "4.4.0" // brokers and client library, no tools
	Tools430 = "4.3.0" // tools
	Tools282 = "2.8.2" // tools
)

// artifact is one Maven coordinate and what must not be pulled in with it.
type artifact struct {
	group, name, version string
	exclude              []string // group:name
}

// release says which jars make up a runnable Kafka.
type release struct {
	brokers   bool
	artifacts []artifact
	// jvm are flags that the logging binding of this release needs.
	jvm []string
}

// slf4jSimple logs to standard error, which is all a test needs.
var slf4jSimple = artifact{group: "org.slf4j", name: "slf4j-simple", version: "1.7.36"}

// reload4j is the log4j 1 that old releases use directly, not only by way of
// slf4j: without it on the class path their brokers fail to load a class.
var reload4j = []artifact{
	{group: "ch.qos.reload4j", name: "reload4j", version: "1.2.25"},
	{group: "org.slf4j", name: "slf4j-reload4j", version: "1.7.36"},
}

const kafkaGroup = "org.apache.kafka"

var releases = map[string]release{
	Kafka352: {
		brokers: true,
		artifacts: append([]artifact{
			{group: kafkaGroup, name: "kafka_2.13", version: Kafka352},
			{group: kafkaGroup, name: "kafka-tools", version: Kafka352},
		}, reload4j...),
		jvm: []string{"-Dlog4j.configuration=file:" + log4jPlaceholder},
	},
	Kafka440: {
		brokers: true,
		artifacts: []artifact{
			{
				group: kafkaGroup, name: "kafka_2.13", version: Kafka440,
				// Asked for by the pom, not published; no broker class needs it.
				exclude: []string{kafkaGroup + ":kafka-tools-api"},
			},
			slf4jSimple,
		},
		jvm: []string{
			"-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
			"-Dorg.slf4j.simpleLogger.showDateTime=true",
			"-Dorg.slf4j.simpleLogger.log.kafka.server.KafkaRaftServer=info",
			"-Dorg.slf4j.simpleLogger.log.kafka.server.BrokerServer=info",
		},
	},
	Tools430: {
		artifacts: []artifact{
			{group: kafkaGroup, name: "kafka-tools", version: Tools430},
			// kafka-configs lives in the core jar.
			{group: kafkaGroup, name: "kafka_2.13", version: Tools430},
			slf4jSimple,
		},
		jvm: []string{"-Dorg.slf4j.simpleLogger.defaultLogLevel=warn"},
	},
	Tools282: {
		artifacts: append([]artifact{
			{group: kafkaGroup, name: "kafka_2.13", version: Tools282},
			{group: kafkaGroup, name: "kafka-tools", version: Tools282},
		}, reload4j...),
		jvm: []string{"-Dlog4j.configuration=file:" + log4jPlaceholder},
	},
}

// log4jPlaceholder is replaced with the log4j 1 configuration in the cache.
const log4jPlaceholder = "@log4j@"

// log4jProperties sends everything to standard error, as slf4j-simple does.
const log4jProperties = `log4j.rootLogger=WARN, err
log4j.appender.err=org.apache.log4j.ConsoleAppender
log4j.appender.err.target=System.err
log4j.appender.err.layout=org.apache.log4j.PatternLayout
log4j.appender.err.layout.ConversionPattern=[%d] %p %m (%c)%n
log4j.logger.kafka.server.KafkaRaftServer=INFO
log4j.logger.kafka.server.BrokerServer=INFO
`

// Releases lists the versions this package knows, sorted.
func Releases() []string {
	names := make([]string, 0, len(releases))
	for name := range releases {
		names = append(names, name)
	}
	sort.Strings(names)
	return names
}

// lookup finds a release or says which ones there are.
func lookup(version string) (release, error) {
	r, ok := releases[version]
	if !ok {
		return release{}, fmt.Errorf("kafkatest: release %q: unknown, one of %s is meant",
			version, strings.Join(Releases(), ", "))
	}
	return r, nil
}

// pom renders the smallest project whose dependencies are the release's jars.
func (r release) pom() string {
	var b strings.Builder
	b.WriteString(`<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>postern.test</groupId>
  <artifactId>kafka-jars</artifactId>
  <version>1</version>
  <dependencies>
`)
	for _, a := range r.artifacts {
		fmt.Fprintf(&b, "    <dependency><groupId>%s</groupId><artifactId>%s</artifactId><version>%s</version>",
			a.group, a.name, a.version)
		if len(a.exclude) > 0 {
			b.WriteString("<exclusions>")
			for _, e := range a.exclude {
				group, name, _ := strings.Cut(e, ":")
				fmt.Fprintf(&b, "<exclusion><groupId>%s</groupId><artifactId>%s</artifactId></exclusion>", group, name)
			}
			b.WriteString("</exclusions>")
		}
		b.WriteString("</dependency>\n")
	}
	b.WriteString("  </dependencies>\n</project>\n")
	return b.String()
}
