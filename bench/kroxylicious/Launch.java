import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;

import io.kroxylicious.proxy.KafkaProxy;
import io.kroxylicious.proxy.config.ConfigParser;
import io.kroxylicious.proxy.config.Configuration;
import io.kroxylicious.proxy.internal.config.Features;

/** Starts Kroxylicious with a configuration file: its own starter is not published to Maven. */
public class Launch {
    public static void main(String[] args) throws Exception {
        ConfigParser parser = new ConfigParser();
        try (InputStream in = Files.newInputStream(Path.of(args[0]))) {
            Configuration config = parser.parseConfiguration(in);
            try (KafkaProxy proxy = new KafkaProxy(parser, config, Features.defaultFeatures())) {
                proxy.startup();
                proxy.block();
            }
        }
    }
}
