import java.io.FileReader;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.AlterConfigOp;
import org.apache.kafka.clients.admin.ConfigEntry;
import org.apache.kafka.clients.admin.DescribeClusterResult;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.KafkaShareConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.Node;
import org.apache.kafka.common.config.ConfigResource;
import org.apache.kafka.common.serialization.StringDeserializer;
import org.apache.kafka.common.serialization.StringSerializer;

/**
 * Walks the Java client library past one bootstrap address and prints a line
 * per step. Arguments: client.config, bootstrap, prefix of topic names, steps
 * separated by commas. The first step that fails ends it with status 1.
 */
public final class Walk {
    private static final Duration LIMIT = Duration.ofSeconds(60);
    private static final int RECORDS = 200;

    private final Properties base = new Properties();
    private final String prefix;

    private Walk(String config, String bootstrap, String prefix) throws Exception {
        try (FileReader in = new FileReader(config)) {
            base.load(in);
        }
        base.put("bootstrap.servers", bootstrap);
        base.put("default.api.timeout.ms", "30000");
        this.prefix = prefix;
    }

    public static void main(String[] args) throws Exception {
        Walk walk = new Walk(args[0], args[1], args[2]);
        for (String step : args[3].split(",")) {
            try {
                System.out.println(step + ": " + walk.step(step));
            } catch (Exception e) {
                System.out.println(step + ": FAILED");
                e.printStackTrace();
                System.exit(1);
            }
        }
        System.exit(0);
    }

    private String step(String name) throws Exception {
        switch (name) {
            case "cluster":
                return cluster();
            case "topics":
                return topics();
            case "acks-all":
                return produce("all", Map.of());
            case "acks-1":
                return produce("1", Map.of("enable.idempotence", "false"));
            case "acks-0":
                return produce("0", Map.of("enable.idempotence", "false"));
            case "transaction":
                return transaction();
            case "classic":
                return consume(Map.of("group.protocol", "classic"), "classic");
            case "consumer":
                return consume(Map.of("group.protocol", "consumer"), "consumer");
            case "share":
                return share();
            default:
                throw new IllegalArgumentException("no step " + name);
        }
    }

    private Admin admin() {
        return Admin.create(copy(Map.of()));
    }

    private Properties copy(Map<String, String> more) {
        Properties p = new Properties();
        p.putAll(base);
        p.putAll(more);
        return p;
    }

    /** The addresses of all brokers, as the admin client was told them. */
    private String cluster() throws Exception {
        try (Admin admin = admin()) {
            DescribeClusterResult result = admin.describeCluster();
            List<String> nodes = new ArrayList<>();
            for (Node n : result.nodes().get(30, TimeUnit.SECONDS)) {
                nodes.add(n.id() + "@" + n.host() + ":" + n.port());
            }
            nodes.sort(null);
            return String.join(" ", nodes) + " cluster " + result.clusterId().get();
        }
    }

    /** Makes the two topics that the later steps use, and describes them. */
    private String topics() throws Exception {
        List<String> names = List.of(prefix + "plain", prefix + "transaction");
        try (Admin admin = admin()) {
            List<NewTopic> topics = new ArrayList<>();
            for (String name : names) {
                topics.add(new NewTopic(name, 3, (short) 3));
            }
            admin.createTopics(topics).all().get(30, TimeUnit.SECONDS);
            Exception last = null;
            for (long end = System.nanoTime() + LIMIT.toNanos(); System.nanoTime() < end; ) {
                try {
                    int[] partitions = {0};
                    Set<Integer> ports = new HashSet<>();
                    admin.describeTopics(names).allTopicNames().get(30, TimeUnit.SECONDS).values().forEach(d -> {
                        partitions[0] += d.partitions().size();
                        d.partitions().forEach(p -> p.replicas().forEach(r -> ports.add(r.port())));
                    });
                    return partitions[0] + " partitions on " + ports.size() + " ports";
                } catch (java.util.concurrent.ExecutionException e) {
                    last = e; // not yet known to the broker that was asked
                }
            }
            throw last;
        }
    }

    private String produce(String acks, Map<String, String> more) throws Exception {
        Properties p = copy(more);
        p.put("acks", acks);
        p.put("compression.type", acks.equals("all") ? "zstd" : "gzip");
        try (KafkaProducer<String, String> producer =
                new KafkaProducer<>(p, new StringSerializer(), new StringSerializer())) {
            List<java.util.concurrent.Future<?>> sent = new ArrayList<>();
            for (int i = 0; i < RECORDS; i++) {
                sent.add(producer.send(new ProducerRecord<>(prefix + "plain", "k" + i, acks + "-" + i)));
            }
            producer.flush();
            for (java.util.concurrent.Future<?> f : sent) {
                f.get(30, TimeUnit.SECONDS);
            }
            // The connection must still pair answers with requests.
            return sent.size() + " records, " + producer.partitionsFor(prefix + "plain").size() + " partitions";
        }
    }

    private String transaction() throws Exception {
        Properties p = copy(Map.of("transactional.id", prefix + "id", "acks", "all"));
        String topic = prefix + "transaction";
        try (KafkaProducer<String, String> producer =
                new KafkaProducer<>(p, new StringSerializer(), new StringSerializer())) {
            producer.initTransactions();
            for (String end : List.of("abort", "commit", "abort", "commit")) {
                producer.beginTransaction();
                for (int i = 0; i < 10; i++) {
                    producer.send(new ProducerRecord<>(topic, end + "-" + i));
                }
                producer.flush();
                if (end.equals("commit")) {
                    producer.commitTransaction();
                } else {
                    producer.abortTransaction();
                }
            }
        }
        Properties c = copy(Map.of("group.id", topic, "auto.offset.reset", "earliest", "isolation.level", "read_committed"));
        int committed = 0;
        try (KafkaConsumer<String, String> consumer =
                new KafkaConsumer<>(c, new StringDeserializer(), new StringDeserializer())) {
            consumer.subscribe(List.of(topic));
            for (long end = System.nanoTime() + LIMIT.toNanos(); committed < 20 && System.nanoTime() < end; ) {
                for (ConsumerRecord<String, String> r : consumer.poll(Duration.ofMillis(200))) {
                    if (!r.value().startsWith("commit-")) {
                        throw new IllegalStateException("an aborted record was read: " + r.value());
                    }
                    committed++;
                }
            }
        }
        return committed + " committed records";
    }

    /** Reads everything that was produced with acks all and 1 by a group. */
    private String consume(Map<String, String> more, String group) {
        Properties p = copy(more);
        p.put("group.id", prefix + group);
        p.put("auto.offset.reset", "earliest");
        p.put("enable.auto.commit", "false");
        Set<String> seen = new HashSet<>();
        try (KafkaConsumer<String, String> consumer =
                new KafkaConsumer<>(p, new StringDeserializer(), new StringDeserializer())) {
            consumer.subscribe(List.of(prefix + "plain"));
            for (long end = System.nanoTime() + LIMIT.toNanos(); seen.size() < 3 * RECORDS && System.nanoTime() < end; ) {
                for (ConsumerRecord<String, String> r : consumer.poll(Duration.ofMillis(200))) {
                    seen.add(r.value());
                }
            }
            consumer.commitSync(LIMIT);
            return seen.size() + " records, " + consumer.committed(consumer.assignment()).size() + " commits";
        }
    }

    private String share() throws Exception {
        String group = prefix + "share";
        try (Admin admin = admin()) {
            Map<ConfigResource, Collection<AlterConfigOp>> change = Map.of(
                    new ConfigResource(ConfigResource.Type.GROUP, group),
                    List.of(new AlterConfigOp(new ConfigEntry("share.auto.offset.reset", "earliest"), AlterConfigOp.OpType.SET)));
            admin.incrementalAlterConfigs(change).all().get(30, TimeUnit.SECONDS);
        }
        Set<String> seen = new HashSet<>();
        Properties p = copy(Map.of("group.id", group));
        try (KafkaShareConsumer<String, String> consumer =
                new KafkaShareConsumer<>(p, new StringDeserializer(), new StringDeserializer())) {
            consumer.subscribe(List.of(prefix + "plain"));
            for (long end = System.nanoTime() + LIMIT.toNanos(); seen.size() < 3 * RECORDS && System.nanoTime() < end; ) {
                for (ConsumerRecord<String, String> r : consumer.poll(Duration.ofMillis(200))) {
                    seen.add(r.value());
                }
            }
            consumer.commitSync(LIMIT);
        }
        return seen.size() + " records";
    }
}
