import java.io.BufferedReader;
import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.net.InetSocketAddress;
import java.net.StandardSocketOptions;
import java.nio.ByteBuffer;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.KeyFactory;
import java.security.KeyStore;
import java.security.PrivateKey;
import java.security.Security;
import java.security.cert.Certificate;
import java.security.cert.CertificateFactory;
import java.security.spec.PKCS8EncodedKeySpec;
import java.util.Base64;
import java.util.HashMap;
import java.util.Map;
import javax.net.ssl.KeyManager;
import javax.net.ssl.KeyManagerFactory;
import javax.net.ssl.SSLContext;
import javax.net.ssl.SSLEngine;
import javax.net.ssl.SSLEngineResult;
import javax.net.ssl.TrustManagerFactory;

/**
 * A TLS peer on the JDK's SSLEngine, told what to do on standard input:
 *
 * <pre>
 * client PORT PROTOCOL SUITE KEY BYTES    connect, send BYTES and expect them back
 * server PROTOCOL SUITE KEY               listen; want a certificate; send back what comes
 * </pre>
 *
 * KEY names the files KEY.pem and KEY.key in the directory of the first argument, or is "-".
 * Clients with the same PROTOCOL, SUITE and KEY share a session cache. The answer is one line:
 * "ok PROTOCOL SUITE", "port N", or "failed" and why.
 */
public class Peer {
    private static Path dir;
    private static final Map<String, SSLContext> contexts = new HashMap<>();

    public static void main(String[] args) throws Exception {
        // After a mebibyte under one key the JDK asks for another. Otherwise it waits for 2^37 bytes.
        Security.setProperty("jdk.tls.keyLimits",
            "AES/GCM/NoPadding KeyUpdate 2^20, ChaCha20-Poly1305 KeyUpdate 2^20");
        dir = Path.of(args[0]);
        BufferedReader in = new BufferedReader(new InputStreamReader(System.in));
        for (String line = in.readLine(); line != null; line = in.readLine()) {
            String answer;
            try {
                answer = obey(line.split(" "));
            } catch (Exception e) {
                answer = "failed " + e.toString().replace('\n', ' ');
            }
            System.out.println(answer);
            System.out.flush();
        }
        System.exit(0); // whatever servers still wait
    }

    private static String obey(String[] words) throws Exception {
        if (words[0].equals("client")) {
            SSLContext context = context(words[2], words[3], words[4]);
            int port = Integer.parseInt(words[1]);
            try (SocketChannel socket = SocketChannel.open(new InetSocketAddress("127.0.0.1", port))) {
                // The port would tell sessions apart: each of our listeners has another.
                SSLEngine engine = context.createSSLEngine("localhost", 1);
                engine.setUseClientMode(true);
                return new Peer(engine, socket, words[2], words[3]).send(Integer.parseInt(words[5]));
            }
        }
        SSLContext context = context(words[1], words[2], words[3]);
        ServerSocketChannel listener = ServerSocketChannel.open().bind(new InetSocketAddress("127.0.0.1", 0));
        Thread thread = new Thread(() -> {
            while (true) {
                try (SocketChannel socket = listener.accept()) {
                    SSLEngine engine = context.createSSLEngine();
                    engine.setUseClientMode(false);
                    engine.setNeedClientAuth(true);
                    new Peer(engine, socket, words[1], words[2]).echo();
                } catch (Exception e) {
                    System.err.println("server: " + e);
                }
            }
        });
        thread.setDaemon(true);
        thread.start();
        return "port " + listener.socket().getLocalPort();
    }

    private static SSLContext context(String protocol, String suite, String key) throws Exception {
        String name = protocol + suite + key;
        SSLContext context = contexts.get(name);
        if (context != null) {
            return context;
        }
        KeyStore trust = KeyStore.getInstance("PKCS12");
        trust.load(null, null);
        trust.setCertificateEntry("root", certificate("root"));
        TrustManagerFactory trusted = TrustManagerFactory.getInstance(TrustManagerFactory.getDefaultAlgorithm());
        trusted.init(trust);
        KeyManager[] keys = null;
        if (!key.equals("-")) {
            KeyStore store = KeyStore.getInstance("PKCS12");
            store.load(null, null);
            store.setKeyEntry("key", privateKey(key), new char[0], new Certificate[] {certificate(key)});
            KeyManagerFactory factory = KeyManagerFactory.getInstance(KeyManagerFactory.getDefaultAlgorithm());
            factory.init(store, new char[0]);
            keys = factory.getKeyManagers();
        }
        context = SSLContext.getInstance("TLS");
        context.init(keys, trusted.getTrustManagers(), null);
        contexts.put(name, context);
        return context;
    }

    private static Certificate certificate(String name) throws Exception {
        try (InputStream in = Files.newInputStream(dir.resolve(name + ".pem"))) {
            return CertificateFactory.getInstance("X.509").generateCertificate(in);
        }
    }

    private static PrivateKey privateKey(String name) throws Exception {
        String text = Files.readString(dir.resolve(name + ".key"));
        byte[] der = Base64.getMimeDecoder().decode(text.replaceAll("-----[A-Z ]+-----", ""));
        return KeyFactory.getInstance(name.endsWith("RSA") ? "RSA" : "EC").generatePrivate(new PKCS8EncodedKeySpec(der));
    }

    // One connection.

    private final SSLEngine engine;
    private final SocketChannel socket;
    private final ByteBuffer arrived; // ciphertext, ready to be filled
    private final ByteBuffer sealed;
    private final ByteBuffer plain; // ready to be filled

    private Peer(SSLEngine engine, SocketChannel socket, String protocol, String suite) throws IOException {
        this.engine = engine;
        this.socket = socket;
        socket.setOption(StandardSocketOptions.TCP_NODELAY, true);
        engine.setEnabledProtocols(new String[] {protocol});
        engine.setEnabledCipherSuites(new String[] {suite});
        arrived = ByteBuffer.allocate(4 * engine.getSession().getPacketBufferSize());
        sealed = ByteBuffer.allocate(2 * engine.getSession().getPacketBufferSize());
        plain = ByteBuffer.allocate(4 * engine.getSession().getApplicationBufferSize());
    }

    /** Sends n bytes in pieces of odd sizes and expects each piece back before the next. */
    private String send(int n) throws IOException {
        for (int at = 0, piece = 1; at < n; at += piece, piece = Math.min(piece * 3 + 1, 40_000)) {
            int size = Math.min(piece, n - at);
            byte[] out = new byte[size];
            for (int i = 0; i < size; i++) {
                out[i] = (byte) ((at + i) * 7 >> 4);
            }
            write(ByteBuffer.wrap(out));
            for (int got = 0; got < size; ) {
                if (!read()) {
                    throw new EOFException("closed after " + (at + got) + " bytes");
                }
                plain.flip();
                while (plain.hasRemaining()) {
                    if (plain.get() != out[got++]) {
                        throw new IOException("another byte came back at " + (at + got - 1));
                    }
                }
                plain.clear();
            }
        }
        String result = "ok " + engine.getSession().getProtocol() + " " + engine.getSession().getCipherSuite();
        engine.closeOutbound();
        drain();
        while (read()) { // until the other side has said goodbye
            plain.clear();
        }
        return result;
    }

    private void echo() throws IOException {
        while (read()) {
            plain.flip();
            byte[] got = new byte[plain.remaining()];
            plain.get(got);
            plain.clear();
            write(ByteBuffer.wrap(got));
        }
        engine.closeOutbound();
        drain();
    }

    private void write(ByteBuffer text) throws IOException {
        while (text.hasRemaining()) {
            wrap(text);
            if (engine.getHandshakeStatus() == SSLEngineResult.HandshakeStatus.NEED_UNWRAP) {
                unwrap();
            }
        }
        drain();
    }

    /** Sends what the engine wants sent. */
    private void drain() throws IOException {
        while (engine.getHandshakeStatus() == SSLEngineResult.HandshakeStatus.NEED_WRAP) {
            wrap(ByteBuffer.allocate(0));
        }
    }

    private void wrap(ByteBuffer text) throws IOException {
        sealed.clear();
        engine.wrap(text, sealed);
        tasks();
        sealed.flip();
        while (sealed.hasRemaining()) {
            socket.write(sealed);
        }
    }

    /** Waits for plaintext; false after a close_notify. */
    private boolean read() throws IOException {
        while (plain.position() == 0) {
            if (engine.isInboundDone()) {
                return false;
            }
            drain();
            unwrap();
        }
        return true;
    }

    /** Takes a record, and what of the next is needed to see that it is incomplete. */
    private void unwrap() throws IOException {
        while (true) {
            arrived.flip();
            SSLEngineResult result = engine.unwrap(arrived, plain);
            arrived.compact();
            tasks();
            if (result.getStatus() != SSLEngineResult.Status.BUFFER_UNDERFLOW) {
                return;
            }
            if (socket.read(arrived) < 0) {
                engine.closeInbound(); // throws unless the close_notify has come
                return;
            }
        }
    }

    private void tasks() {
        for (Runnable task = engine.getDelegatedTask(); task != null; task = engine.getDelegatedTask()) {
            task.run();
        }
    }
}
