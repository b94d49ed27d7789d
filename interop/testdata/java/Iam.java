import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.net.URLEncoder;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.Provider;
import java.security.Security;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.Map;
import javax.crypto.Mac;
import javax.crypto.spec.SecretKeySpec;
import javax.security.auth.Subject;
import javax.security.auth.callback.CallbackHandler;
import javax.security.auth.spi.LoginModule;
import javax.security.sasl.SaslException;
import javax.security.sasl.SaslServer;
import javax.security.sasl.SaslServerFactory;
import org.apache.kafka.common.errors.SaslAuthenticationException;

/**
 * The broker's side of AWS_MSK_IAM, which nobody publishes: one message, a request
 * to kafka-cluster:Connect that is signed by version 4 of AWS's signatures, its
 * query parameters as JSON; one answer. The login module's options are the access
 * keys: the secret by key_ID.
 *
 * <p>Class names and the texts of refusals are the test's.
 */
public final class Iam implements LoginModule, SaslServer {
    private static final String MECHANISM = "AWS_MSK_IAM";
    private static final String VERSION = "2020_10_22";
    private static final String ACTION = "kafka-cluster:Connect";
    private static final Map<String, String> SECRETS = new HashMap<>();

    private String accessKey;

    /** Makes servers; the provider names it. */
    public static final class Factory implements SaslServerFactory {
        @Override
        public SaslServer createSaslServer(
                String mechanism, String protocol, String server, Map<String, ?> properties, CallbackHandler handler) {
            return new Iam();
        }

        @Override
        public String[] getMechanismNames(Map<String, ?> properties) {
            return new String[] {MECHANISM};
        }
    }

    private static final class Mechanisms extends Provider {
        private static final long serialVersionUID = 1;

        Mechanisms() {
            super("PosternTestIam", "1", "the broker's side of " + MECHANISM);
            put("SaslServerFactory." + MECHANISM, Factory.class.getName());
        }
    }

    @Override
    public void initialize(Subject subject, CallbackHandler handler, Map<String, ?> shared, Map<String, ?> options) {
        options.forEach((name, value) -> SECRETS.put(name.substring("key_".length()), value.toString()));
        Security.addProvider(new Mechanisms());
    }

    @Override
    public boolean login() {
        return true;
    }

    @Override
    public boolean commit() {
        return true;
    }

    @Override
    public boolean abort() {
        return false;
    }

    @Override
    public boolean logout() {
        return true;
    }

    @Override
    public byte[] evaluateResponse(byte[] message) throws SaslException {
        String key;
        try {
            JsonNode said = new ObjectMapper().readTree(message);
            key = said.path("x-amz-credential").asText().split("/")[0];
            String secret = SECRETS.get(key);
            if (secret == null || !signature(said, secret).equals(said.path("x-amz-signature").asText())) {
                throw new SaslAuthenticationException("[1]: Access denied to " + key);
            }
        } catch (SaslAuthenticationException e) {
            throw e; // its text goes to the client
        } catch (Exception e) {
            throw new SaslException("not read", e);
        }
        accessKey = key;
        return ("{\"version\":\"" + VERSION + "\",\"request-id\":\"1\"}").getBytes(StandardCharsets.UTF_8);
    }

    private static String signature(JsonNode said, String secret) throws Exception {
        StringBuilder query = new StringBuilder("Action=" + encode(ACTION));
        for (String name : new String[] {"Algorithm", "Credential", "Date", "Expires", "SignedHeaders"}) {
            query.append("&X-Amz-").append(name).append('=').append(encode(said.path("x-amz-" + name.toLowerCase()).asText()));
        }
        String request = "GET\n/\n" + query + "\nhost:" + said.path("host").asText() + "\n\nhost\n" + digest("");
        String[] credential = said.path("x-amz-credential").asText().split("/", 2);
        String text = String.join("\n", "AWS4-HMAC-SHA256", said.path("x-amz-date").asText(), credential[1], digest(request));
        byte[] key = ("AWS4" + secret).getBytes(StandardCharsets.UTF_8);
        for (String part : credential[1].split("/")) {
            key = hmac(key, part);
        }
        return HexFormat.of().formatHex(hmac(key, text));
    }

    private static String encode(String value) {
        return URLEncoder.encode(value, StandardCharsets.UTF_8);
    }

    private static String digest(String text) throws Exception {
        byte[] sum = MessageDigest.getInstance("SHA-256").digest(text.getBytes(StandardCharsets.UTF_8));
        return HexFormat.of().formatHex(sum);
    }

    private static byte[] hmac(byte[] key, String text) throws Exception {
        Mac mac = Mac.getInstance("HmacSHA256");
        mac.init(new SecretKeySpec(key, "HmacSHA256"));
        return mac.doFinal(text.getBytes(StandardCharsets.UTF_8));
    }

    @Override
    public String getMechanismName() {
        return MECHANISM;
    }

    @Override
    public boolean isComplete() {
        return accessKey != null;
    }

    @Override
    public String getAuthorizationID() {
        return accessKey;
    }

    @Override
    public byte[] unwrap(byte[] in, int offset, int length) {
        throw new IllegalStateException("no layer");
    }

    @Override
    public byte[] wrap(byte[] out, int offset, int length) {
        throw new IllegalStateException("no layer");
    }

    @Override
    public Object getNegotiatedProperty(String name) {
        return null;
    }

    @Override
    public void dispose() {}
}
