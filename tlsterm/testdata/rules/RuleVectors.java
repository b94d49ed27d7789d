import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import org.apache.kafka.common.security.ssl.SslPrincipalMapper;

/**
 * Prints what Kafka's own mapper makes of names under rules: the rules and the name as quoted strings, and the
 * principal, quoted, or "refused" (the rules), "none" (no rule matches) or "fails" (an exception at the name), with
 * tabs between. Run it with kafka-clients 4.3 on the class path: java -cp kafka-clients.jar RuleVectors.java
 */
public class RuleVectors {
    static final String[] NAMES = {
        "CN=username", "CN=writeuser,OU=Unknown,O=Unknown,L=Unknown,ST=Unknown,C=Unknown", "CN=Duke,OU=ServiceUsers,O=Org,C=US",
        "CN=kafka-server1, OU=KAFKA", "OU=JavaSoft,CN=duke,CN=java", "CN=a/b,O=x", "CN=a\\,b,O=x", "", "CN=", "O=Straße,CN=İstanbul ΑΣ",
        "cn=lower", "CN=ab", "1.2.840.113549.1.9.1=#1603614062,CN=$1", "CN=a\nb", "CN=\u2028x", "CN=😀x", "CN=aaa",
    };
    static final String[] RULES = {
        "DEFAULT", "", " ", ",", "DEFAULT,", "DEFAULT,DEFAULT", " DEFAULT ", "default", "DEFAULTX", "DEFAULT X", "X", "RULE", "RULE:", "RULE:a", "RULE:a/", "RULE:a/b", "RULE://",
        "RULE:///", "RULE:///L", "RULE:a/b/", "RULE:a/b/X", "RULE:a/b/LU", "RULE:a/b/L,", "RULE:a/b/l", "RULE:CN=username/x/ L", "RULE:CN=username/x/L ,DEFAULT",
        "RULE:^CN=([a-zA-Z0-9.-]*).*$/$1/, DEFAULT", "RULE:^CN=([a-zA-Z0-9.-]*).*$/$1/", "RULE:^CN=(.*?),.*$/$1/",
        "RULE:^CN=(.*?),OU=ServiceUsers.*$/$1/, RULE:^CN=(.*?),OU=(.*?),O=(.*?),L=(.*?),ST=(.*?),C=(.*?)$/$1@$2/L,RULE:^.*[Cc][Nn]=([a-zA-Z0-9.]*).*$/$1/L,DEFAULT",
        "RULE:^cn=(.*?),ou=(.*?),dc=(.*?),dc=(.*?)$/$1@$2/U", "RULE:^CN=(.*)$/$1/U", "RULE:^CN=(.*)$/$1/L", "RULE:.*/x/", "RULE:.*?/x/", "RULE:.+/x/", "RULE:.+?/x/", "RULE:.*/$0!/", "RULE:(.*)/[$1]/",
        "RULE:(.*?)/[$1]/", "RULE:(.+?)/[$1]/", "RULE:CN=(.*?)/$1/", "RULE:CN=(.*)/$1-$2/", "RULE:CN=(.*)/$1-$2$3/", "RULE:CN=(.*)/$10/", "RULE:CN=(.*)/$11x/", "RULE:CN=(.*)/$99/", "RULE:CN=(.*)/\\$9/",
        "RULE:CN=(.*)/\\$1/", "RULE:CN=(.*)/\\\\$1/", "RULE:CN=.*/$1/", "RULE:CN=.*/$/", "RULE:CN=.*/$x/", "RULE:CN=(?<name>.*)/${name}!/", "RULE:CN=(?<name>.*)/${nom}/", "RULE:CN=(.*)/x\\/y\\z$1/", "RULE:CN=.*/\\\\/",
        "RULE:CN=a\\/b,O=x/slash/", "RULE:CN=a\\\\,b,O=x/comma/", "RULE:CN=(.*)\\,O=x/$1/", "RULE:CN=(.*),O=x/$1/", "RULE:CN=(a|ab)(c|bcd)?(d*)/$1.$2.$3/", "RULE:(CN=)(x)?.*/$1$2!/", "RULE:.*CN=(\\w+).*/$1/", "RULE:(?:CN|cn)=(.*)/$1/",
        "RULE:[A-Z]{2}=(\\S+)/$1/", "RULE:CN=(a{2,3}?)(a*)/$1-$2/", "RULE:a*|CN=aaa/x/", "RULE:(CN=a|)(.*)/<$1:$2>/", "RULE:\\bCN=(.*)\\b/$1/", "RULE:CN=(\\p{L}+)/$1/", "RULE:\\QCN=\\E(.*)/$1/", "RULE:CN=.x/dot/", "RULE:CN=[^x]x/one/",
        "RULE:O=(.*),CN=(.*)/$2 ΣΑΣ.ΣΣ $1 Σ/L", "RULE:CN=\\x61+/hex/", "RULE:[\\w=\\s]+/class/", "RULE:CN=([^,]+)(,.*)?/$1/", "RULE:CN=[/x/", "RULE:CN=(/x/", "RULE:*/x/", "RULE:CN=a**/x/", "RULE:CN={/x/",
        "RULE:X/x/,RULE:CN=(.*)/second $1/", "RULE:X/x/\n,\n\tRULE:CN=(.*)/second/", "RULE:X/x/ , ,DEFAULT", "RULE:X/x/,,DEFAULT", "RULE:X/x/;DEFAULT", "RULE:X/a,b/,DEFAULT", "RULE:CN=.*/a, b/L", "RULE:CN=.*/RULE:x/",
        "RULE:^/x/", "RULE:^.*$|x/y/", "RULE:(^|,)?.*/<$1>/", "RULE:[a-z=A-Z]/x/", "RULE:([A-Z]+)=([a-z]+)/$2=$1/", "RULE:O=(.*),CN=.*/$1/U", "RULE:O=.*,CN=(.*)/$1/L", "RULE:/x/", "RULE:(.?)*/x/", "RULE:(|.)+/<$1>/",
    };

    public static void main(String[] args) {
        PrintStream out = new PrintStream(System.out, true, StandardCharsets.UTF_8);
        for (String rules : RULES) {
            SslPrincipalMapper mapper;
            try {
                mapper = SslPrincipalMapper.fromRules(rules);
            } catch (IllegalArgumentException e) {
                out.println(quote(rules) + "\t\"\"\trefused");
                continue;
            }
            for (String name : NAMES) {
                String result;
                try {
                    result = quote(mapper.getName(name));
                } catch (SslPrincipalMapper.NoMatchingRule e) {
                    result = "none";
                } catch (Exception e) {
                    result = "fails";
                }
                out.println(quote(rules) + "\t" + quote(name) + "\t" + result);
            }
        }
    }

    /** Quotes as Go does. */
    static String quote(String s) {
        StringBuilder b = new StringBuilder("\"");
        s.codePoints().forEach(c -> {
            if (c == '"' || c == '\\') {
                b.append('\\').appendCodePoint(c);
            } else if (c < 0x20 || c == 0x7f || c == 0x2028) {
                b.append(String.format("\\u%04x", c));
            } else {
                b.appendCodePoint(c);
            }
        });
        return b.append('"').toString();
    }
}
