import java.io.File;
import org.apache.kerby.kerberos.kerb.server.SimpleKdcServer;

/**
 * Runs a key distribution centre on the loopback interface until it is killed.
 * Arguments: a folder for keytabs, a TCP port, the realm, and principals.
 *
 * <p>Every principal has a key and a keytab, its name with dashes for slashes.
 * Beside it lies a stale one, from before its key was changed.
 */
public final class Kdc {
    public static void main(String[] args) throws Exception {
        File dir = new File(args[0]);
        SimpleKdcServer kdc = new SimpleKdcServer();
        kdc.setWorkDir(dir);
        kdc.setKdcHost("127.0.0.1");
        kdc.setKdcTcpPort(Integer.parseInt(args[1]));
        kdc.setAllowUdp(false);
        kdc.setKdcRealm(args[2]);
        kdc.init();
        for (int i = 3; i < args.length; i++) {
            String file = args[i].replace('/', '-');
            kdc.createPrincipal(args[i]);
            kdc.exportPrincipal(args[i], new File(dir, file + ".stale.keytab"));
            kdc.deletePrincipal(args[i]);
            kdc.createPrincipal(args[i]);
            kdc.exportPrincipal(args[i], new File(dir, file + ".keytab"));
        }
        kdc.start();
    }
}
