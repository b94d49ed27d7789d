import java.io.FileReader;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Properties;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.serialization.StringDeserializer;
import org.apache.kafka.common.serialization.StringSerializer;

/**
 * Logs the Java client library in. Arguments: what to do, a topic, and files of
 * client settings, bootstrap.servers included. With all files at once it does
 *
 * <ul>
 *   <li>walk: write records and read them back in a group;
 *   <li>write: write a record;
 *   <li>renew=SECONDS: write a record ten times a second.
 * </ul>
 *
 * It prints a line per file: its name, and what was seen or the first cause of
 * the exception. The status is 0 all the same.
 */
public final class Login {
    private static final Duration LIMIT = Duration.ofSeconds(30);
    private static final int RECORDS = 20;

    private final String topic;
    private final String name;
    private final Properties base = new Properties();

    private Login(String topic, Path config) throws Exception {
        this.topic = topic;
        this.name = config.getFileName().toString();
        try (FileReader in = new FileReader(config.toFile())) {
            base.load(in);
        }
        base.put("max.block.ms", "10000");
        base.put("default.api.timeout.ms", "10000");
    }

    public static void main(String[] args) throws Exception {
        ExecutorService threads = Executors.newCachedThreadPool();
        List<Future<String>> all = new ArrayList<>();
        for (int i = 2; i < args.length; i++) {
            Login login = new Login(args[1], Path.of(args[i]));
            all.add(threads.submit(() -> login.name + ": " + login.see(args[0])));
        }
        for (Future<String> one : all) {
            System.out.println(one.get());
        }
        System.exit(0);
    }

    private String see(String what) {
        try {
            return run(what);
        } catch (Exception e) {
            Throwable cause = e;
            while (cause.getCause() != null) {
                cause = cause.getCause();
            }
            return cause.getClass().getSimpleName() + ": " + cause.getMessage();
        }
    }

    private String run(String what) throws Exception {
        if (what.startsWith("renew=")) {
            return renew(Integer.parseInt(what.substring("renew=".length())));
        }
        int n = what.equals("walk") ? RECORDS : 1;
        try (KafkaProducer<String, String> producer = producer(base)) {
            List<Future<?>> sent = new ArrayList<>();
            for (int i = 0; i < n; i++) {
                sent.add(producer.send(new ProducerRecord<>(topic, name, "value-" + i)));
            }
            for (Future<?> f : sent) {
                f.get(30, TimeUnit.SECONDS);
            }
        }
        return what.equals("walk") ? read() : "written";
    }

    private static KafkaProducer<String, String> producer(Properties p) {
        return new KafkaProducer<>(p, new StringSerializer(), new StringSerializer());
    }

    private String read() {
        Properties p = new Properties();
        p.putAll(base);
        p.put("group.id", topic + "-" + name);
        p.put("auto.offset.reset", "earliest");
        p.put("enable.auto.commit", "false");
        int seen = 0;
        try (KafkaConsumer<String, String> consumer =
                new KafkaConsumer<>(p, new StringDeserializer(), new StringDeserializer())) {
            consumer.subscribe(List.of(topic));
            for (long end = System.nanoTime() + LIMIT.toNanos(); seen < RECORDS && System.nanoTime() < end; ) {
                for (ConsumerRecord<String, String> r : consumer.poll(Duration.ofMillis(200))) {
                    if (name.equals(r.key())) {
                        seen++;
                    }
                }
            }
            consumer.commitSync(LIMIT);
        }
        return seen + " records";
    }

    /** Fails at the first error: nothing is sent a second time. */
    private String renew(int seconds) throws Exception {
        Properties p = new Properties();
        p.putAll(base);
        p.put("enable.idempotence", "false");
        p.put("retries", "0");
        try (KafkaProducer<String, String> producer = producer(p)) {
            for (long end = System.nanoTime() + TimeUnit.SECONDS.toNanos(seconds); System.nanoTime() < end; ) {
                producer.send(new ProducerRecord<>(topic, "", "on")).get(10, TimeUnit.SECONDS);
                Thread.sleep(100);
            }
        }
        return "no error";
    }
}
