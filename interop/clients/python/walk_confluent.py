"""Walks confluent-kafka, which is the newest librdkafka, through a broker."""

import sys

from confluent_kafka import Consumer, KafkaError, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

import walk


class Walk:
    def __init__(self, arguments):
        self.topic = arguments.topic
        self.login = arguments.login
        self.reason = ""
        self.config = {
            "bootstrap.servers": arguments.bootstrap,
            "security.protocol": walk.protocol(arguments).lower(),
            "error_cb": self.on_error,
        }
        if arguments.ca:
            self.config["ssl.ca.location"] = arguments.ca
        if arguments.login:
            self.log_in(arguments.login)
        if arguments.cert:
            self.config["ssl.certificate.location"] = arguments.cert
            self.config["ssl.key.location"] = arguments.key
        if "leader" in arguments.steps:
            self.config["debug"] = "broker,metadata"  # tells every address it hears of
        self.admin = AdminClient(self.config)
        self.written = 0
        if arguments.impatient:
            self.await_refusal()

    def log_in(self, login):
        """Sets the mechanism. Tokens are fetched by librdkafka itself."""
        self.config["sasl.mechanism"] = login["mechanism"]
        if login["mechanism"] == "OAUTHBEARER":
            self.config.update({
                "sasl.oauthbearer.method": "oidc",
                "sasl.oauthbearer.token.endpoint.url": login["endpoint"],
                "sasl.oauthbearer.client.id": login["client"],
                "sasl.oauthbearer.client.secret": login["secret"],
                "sasl.oauthbearer.scope": login["scope"],
            })
        else:
            self.config.update({"sasl.username": login["username"], "sasl.password": login["password"]})

    def on_error(self, error):
        refusals = (KafkaError._SSL, KafkaError._AUTHENTICATION, KafkaError.SASL_AUTHENTICATION_FAILED)
        if error.code() in refusals or "ssl" in error.str().lower():
            self.reason = error.str()

    def steps(self):
        codecs = {c: lambda c=c: self.produce(c) for c in ("none", "gzip", "snappy", "lz4", "zstd")}
        return {
            "cluster": self.cluster,
            "topics": self.topics,
            **codecs,
            "large": self.large,
            "classic": lambda: self.consume("classic"),
            "consumer": lambda: self.consume("consumer"),
            "transaction": self.transaction,
            "leader": self.follow_leader,
            "renew": self.renew,
        }

    def await_refusal(self):
        """Fails with the reason: librdkafka itself tries for ever."""
        for _ in range(walk.SECONDS):
            self.admin.poll(1)
            if self.reason:
                raise walk.Failure(self.reason)

    def cluster(self):
        brokers = self.admin.list_topics(timeout=walk.SECONDS).brokers
        described = self.admin.describe_cluster(request_timeout=walk.SECONDS).result()
        listed = sorted((b.id, b.host, b.port) for b in brokers.values())
        nodes = sorted((n.id, n.host, n.port) for n in described.nodes)
        walk.check(listed == nodes, "Metadata says %s, DescribeCluster %s" % (listed, nodes))
        return " ".join("%d@%s:%d" % b for b in listed)

    def create(self, topic, partitions):
        new = NewTopic(topic, num_partitions=partitions, config={"max.message.bytes": "12000000"})
        for f in self.admin.create_topics([new], operation_timeout=walk.SECONDS).values():
            f.result()

    def topics(self):
        self.create(self.topic, walk.PARTITIONS)
        for _ in range(walk.SECONDS * 10):
            topic = self.admin.list_topics(timeout=walk.SECONDS).topics.get(self.topic)
            if topic is not None and topic.error is None and len(topic.partitions) == walk.PARTITIONS:
                return "%s with %d partitions" % (topic.topic, len(topic.partitions))
            self.admin.poll(0.1)
        raise walk.Failure("%s is not listed" % self.topic)

    def producer(self, **more):
        more = {k.replace("_", "."): v for k, v in more.items()}
        return Producer({**self.config, "linger.ms": 20, "message.timeout.ms": walk.SECONDS * 1000, **more})

    def send(self, producer, records):
        """Sends (topic, key, value, headers) and waits for every answer."""
        failed = []
        for topic, key, value, headers in records:
            producer.produce(topic, value, key, headers=headers,
                             on_delivery=lambda e, _: failed.append(e) if e else None)
        left = producer.flush(walk.SECONDS)
        walk.check(left == 0, "%d records without an answer" % left)
        walk.check(not failed, "not written: %s" % failed[:1])

    def produce(self, codec):
        producer = self.producer(compression_type=codec)
        self.send(producer, [(self.topic, walk.key(i), walk.value(i), [("of", codec.encode())])
                             for i in range(walk.RECORDS)])
        self.written += walk.RECORDS
        return "%d records" % walk.RECORDS

    def large(self):
        producer = self.producer(message_max_bytes=10_000_000)
        self.send(producer, [(self.topic, b"large", b"y" * walk.LARGE, [])])
        self.written += 1
        return "%d bytes" % walk.LARGE

    def consumer(self, group, **more):
        config = {**self.config, "group.id": group, "auto.offset.reset": "earliest", "enable.auto.commit": False,
                  "fetch.message.max.bytes": 10_000_000, **more}
        return Consumer(config)

    def poll(self, consumer, n):
        records = []
        while len(records) < n:
            message = consumer.poll(walk.SECONDS)
            walk.check(message is not None, "%d records of %d, then silence" % (len(records), n))
            if message.error():
                raise KafkaException(message.error())
            records.append(message)
        return records

    def consume(self, protocol):
        """Reads all in a group of the old or of the KIP-848 protocol."""
        group = "%s-%s" % (self.topic, protocol)
        more = {"group.protocol": protocol}
        consumer = self.consumer(group, **more)
        consumer.subscribe([self.topic])
        by = {}
        for m in self.poll(consumer, self.written):
            if m.key() == b"large":
                walk.check(m.value() == b"y" * walk.LARGE, "the large record is not what was written")
                continue
            by.setdefault(dict(m.headers())["of"].decode(), []).append((m.key(), m.value(), m.headers()))
        for codec, records in by.items():
            walk.check_records(records, codec)
        consumer.commit(asynchronous=False)
        consumer.close()
        again = self.consumer(group)
        partitions = [TopicPartition(self.topic, p) for p in range(walk.PARTITIONS)]
        committed = sum(max(p.offset, 0) for p in again.committed(partitions, timeout=walk.SECONDS))
        again.close()
        walk.check(committed == self.written, "%d offsets committed, %d records read" % (committed, self.written))
        groups = [g.group_id for g in self.admin.list_consumer_groups().result().valid]
        walk.check(group in groups, "%s is not among the groups %s" % (group, groups))
        return "%d records, %d committed" % (self.written, committed)

    def transaction(self):
        topic = self.topic + "-transaction"
        self.create(topic, 1)
        producer = self.producer(transactional_id=topic)
        producer.init_transactions(walk.SECONDS)
        for end, of in ((producer.abort_transaction, b"aborted"), (producer.commit_transaction, b"committed")):
            producer.begin_transaction()
            self.send(producer, [(topic, walk.key(i), of, []) for i in range(10)])
            end(walk.SECONDS)
        consumer = self.consumer(topic, **{"isolation.level": "read_committed", "enable.partition.eof": False})
        consumer.subscribe([topic])
        values = {m.value() for m in self.poll(consumer, 10)}
        consumer.close()
        walk.check(values == {b"committed"}, "read %s" % values)
        return "10 committed records"

    def follow_leader(self):
        """Writes, lets the caller move the leader, writes and reads on.

        The caller answers every line that is printed with one on standard
        input.
        """
        topic = self.topic + "-leader"
        producer = self.producer(enable_idempotence=True)
        consumer = self.consumer(topic, **{"group.protocol": "classic"})
        consumer.subscribe([topic])
        for turn in range(3):
            self.send(producer, [(topic, walk.key(i), walk.value(i), []) for i in range(walk.RECORDS)])
            keys = {m.key() for m in self.poll(consumer, walk.RECORDS)}
            walk.check(len(keys) == walk.RECORDS, "%d different keys, not %d" % (len(keys), walk.RECORDS))
            print("turn %d" % turn, flush=True)
            sys.stdin.readline()
        consumer.close()
        return "3 turns"

    def renew(self):
        producer = self.producer(retries=0)
        saw = walk.write_on(self.login, lambda i: self.send(producer, [(self.topic, b"", walk.value(i), [])]))
        walk.check(not self.reason, self.reason)
        return saw


if __name__ == "__main__":
    walk.main(lambda arguments: Walk(arguments).steps())
