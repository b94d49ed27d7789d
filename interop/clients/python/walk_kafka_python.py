"""Walks kafka-python through a broker."""

import logging
import sys

from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer, TopicPartition
from kafka.admin import NewTopic
from kafka.net.sasl.oauth import AbstractTokenProvider

import walk


class Tokens(AbstractTokenProvider):
    def __init__(self, login):
        self.login = login

    def token(self):
        return walk.fetch_token(self.login)[0]


class Walk:
    def __init__(self, arguments):
        self.topic = arguments.topic
        self.login = arguments.login
        self.config = {
            "bootstrap_servers": arguments.bootstrap.split(","),
            "security_protocol": walk.protocol(arguments),
            "ssl_cafile": arguments.ca or None,
            "ssl_certfile": arguments.cert or None,
            "ssl_keyfile": arguments.key or None,
            "request_timeout_ms": walk.SECONDS * 1000,
        }
        login = arguments.login
        if login:
            self.config["sasl_mechanism"] = login["mechanism"]
        if login and login["mechanism"] == "OAUTHBEARER":
            self.config["sasl_oauth_token_provider"] = Tokens(login)
        elif login:
            self.config["sasl_plain_username"] = login["username"]
            self.config["sasl_plain_password"] = login["password"]
        if arguments.impatient:
            self.config["bootstrap_timeout_ms"] = 3000
        self.admin = KafkaAdminClient(**self.config)
        self.written = 0

    def steps(self):
        codecs = {c: lambda c=c: self.produce(c) for c in ("none", "gzip", "snappy", "lz4")}
        return {
            "cluster": self.cluster,
            "topics": self.topics,
            **codecs,
            "large": self.large,
            "classic": self.consume,
            "transaction": self.transaction,
            "renew": self.renew,
        }

    def cluster(self):
        brokers = self.admin.describe_cluster()["brokers"]
        return " ".join("%d@%s:%d" % b for b in sorted((b["broker_id"], b["host"], b["port"]) for b in brokers))

    def create(self, topic, partitions):
        new = NewTopic(topic, num_partitions=partitions, replication_factor=-1,
                       topic_configs={"max.message.bytes": "12000000"})
        self.admin.create_topics([new])
        self.admin.wait_for_topics([topic], timeout_ms=walk.SECONDS * 1000)

    def topics(self):
        self.create(self.topic, walk.PARTITIONS)
        walk.check(self.topic in self.admin.list_topics(), "%s is not listed" % self.topic)
        described = self.admin.describe_topics([self.topic])[0]
        return "%s with %d partitions" % (self.topic, len(described["partitions"]))

    def producer(self, **more):
        return KafkaProducer(**self.config, linger_ms=20, **more)

    def produce(self, codec):
        producer = self.producer(compression_type=None if codec == "none" else codec)
        sent = [producer.send(self.topic, walk.value(i), walk.key(i), headers=[("of", codec.encode())])
                for i in range(walk.RECORDS)]
        for f in sent:
            f.get(timeout=walk.SECONDS)
        producer.close(timeout=walk.SECONDS)
        self.written += walk.RECORDS
        return "%d records" % walk.RECORDS

    def large(self):
        producer = self.producer(max_request_size=10_000_000)
        producer.send(self.topic, b"y" * walk.LARGE, b"large").get(timeout=walk.SECONDS)
        producer.close(timeout=walk.SECONDS)
        self.written += 1
        return "%d bytes" % walk.LARGE

    def consumer(self, group, *topics, **more):
        return KafkaConsumer(*topics, **self.config, group_id=group, auto_offset_reset="earliest",
                             enable_auto_commit=False, max_partition_fetch_bytes=10_000_000,
                             consumer_timeout_ms=walk.SECONDS * 1000, **more)

    def take(self, consumer, n):
        records = []
        for record in consumer:
            records.append(record)
            if len(records) == n:
                return records
        raise walk.Failure("%d records of %d, then silence" % (len(records), n))

    def consume(self):
        group = self.topic + "-classic"
        consumer = self.consumer(group, self.topic)
        by = {}
        for r in self.take(consumer, self.written):
            if r.key == b"large":
                walk.check(r.value == b"y" * walk.LARGE, "the large record is not what was written")
                continue
            by.setdefault(dict(r.headers)["of"].decode(), []).append((r.key, r.value, list(r.headers)))
        for codec, records in by.items():
            walk.check_records(records, codec)
        consumer.commit()
        consumer.close(autocommit=False)
        again = self.consumer(group)
        partitions = [TopicPartition(self.topic, p) for p in range(walk.PARTITIONS)]
        committed = sum(again.committed(p) or 0 for p in partitions)
        again.close()
        walk.check(committed == self.written, "%d offsets committed, %d records read" % (committed, self.written))
        groups = [g["group_id"] for g in self.admin.list_groups()]
        walk.check(group in groups, "%s is not among the groups %s" % (group, groups))
        return "%d records, %d committed" % (self.written, committed)

    def transaction(self):
        topic = self.topic + "-transaction"
        self.create(topic, 1)
        producer = self.producer(transactional_id=topic)
        producer.init_transactions()
        for end, of in ((producer.abort_transaction, b"aborted"), (producer.commit_transaction, b"committed")):
            producer.begin_transaction()
            sent = [producer.send(topic, of, walk.key(i)) for i in range(10)]
            producer.flush(timeout=walk.SECONDS)
            for f in sent:
                f.get(timeout=walk.SECONDS)
            end()
        producer.close(timeout=walk.SECONDS)
        consumer = self.consumer(topic, topic, isolation_level="read_committed")
        values = {r.value for r in self.take(consumer, 10)}
        consumer.close()
        walk.check(values == {b"committed"}, "read %s" % values)
        return "10 committed records"

    def renew(self):
        producer = self.producer(retries=0, enable_idempotence=False)
        saw = walk.write_on(self.login, lambda i: producer.send(self.topic, walk.value(i)).get(timeout=walk.SECONDS))
        producer.close(timeout=walk.SECONDS)
        return saw


if __name__ == "__main__":
    logging.basicConfig(stream=sys.stderr, level=logging.WARNING)
    walk.main(lambda arguments: Walk(arguments).steps())
