import java.io.FileInputStream;
import java.security.Key;
import java.security.KeyStore;
import java.security.cert.Certificate;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Random;
import javax.net.ssl.KeyManagerFactory;
import javax.net.ssl.X509KeyManager;

/**
 * Prints, for made-up sets of aliases, which one Java's default key manager offers first: a line is the chosen alias,
 * a tab, and all aliases in the order of the store. Run it beside keytool.p12: java FirstAlias.java > first-alias.tsv
 */
public class FirstAlias {
    public static void main(String[] args) throws Exception {
        char[] password = "storepass".toCharArray();
        KeyStore source = KeyStore.getInstance("PKCS12");
        try (FileInputStream in = new FileInputStream("keytool.p12")) {
            source.load(in, password);
        }
        Key key = source.getKey("server", password);
        Certificate[] chain = source.getCertificateChain("server");
        Random random = new Random(1);
        for (int size : new int[] {1, 2, 2, 3, 3, 4, 5, 6, 8, 11, 12, 13, 14, 24, 25, 40, 2, 3, 5}) {
            KeyStore store = KeyStore.getInstance("PKCS12");
            store.load(null, null);
            for (int i = 0; i < size; i++) {
                StringBuilder alias = new StringBuilder();
                for (int n = 1 + random.nextInt(12); n > 0; n--) {
                    alias.append("abcdefghijklmnopqrstuvwxyz0123456789-_.ä東".charAt(random.nextInt(41)));
                }
                store.setKeyEntry(alias.toString(), key, password, chain);
            }
            KeyManagerFactory factory = KeyManagerFactory.getInstance("SunX509");
            factory.init(store, password);
            List<String> aliases = Collections.list(store.aliases());
            String first = ((X509KeyManager) factory.getKeyManagers()[0]).chooseServerAlias("EC", null, null);
            System.out.println(first + "\t" + String.join(" ", aliases));
        }
    }
}
