import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.nio.charset.Charset;
import java.nio.charset.StandardCharsets;
import java.util.Random;
import javax.security.auth.x500.X500Principal;

/**
 * Prints the vectors for the subject printer: what the vector is about, the name's DER in hexadecimal, and
 * X500Principal.getName() as a quoted string, with tabs between. Run it as: java DnVectors.java > vectors.tsv
 */
public class DnVectors {
    static final int NUMERIC = 18, PRINTABLE = 19, T61 = 20, IA5 = 22, VISIBLE = 26, GENERAL = 27, UNIVERSAL = 28, BMP = 30, UTF8 = 12;
    static final String CN = "2.5.4.3", C = "2.5.4.6", L = "2.5.4.7", ST = "2.5.4.8", STREET = "2.5.4.9", O = "2.5.4.10", OU = "2.5.4.11";
    static final String DC = "0.9.2342.19200300.100.1.25", UID = "0.9.2342.19200300.100.1.1", EMAIL = "1.2.840.113549.1.9.1";
    static final String ODD = " \r\n\t,=+<>#;\"\\\0a/é";
    static final PrintStream out = new PrintStream(System.out, true, StandardCharsets.UTF_8);

    public static void main(String[] args) {
        shapes();
        types();
        strings();
        escapes();
        Random random = new Random(2);
        for (int i = 0; i < 60; i++) {
            byte[] value = new byte[1 + random.nextInt(7)];
            int[] likely = {0x20, 0x41, 0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf, 0xc0, 0xc1, 0xc2, 0xdf, 0xe0, 0xe1, 0xed, 0xef, 0xf0, 0xf1, 0xf4, 0xf5, 0xff};
            for (int j = 0; j < value.length; j++) {
                value[j] = (byte) likely[random.nextInt(likely.length)];
            }
            emit("T61 of chance bytes", rdn(ava(CN, T61, value)));
        }
        for (int i = 0; i < 40; i++) {
            StringBuilder value = new StringBuilder();
            for (int n = random.nextInt(9); n > 0; n--) {
                value.append(ODD.charAt(random.nextInt(ODD.length())));
            }
            emit("UTF-8 of chance characters", rdn(ava(CN, UTF8, value.toString())));
        }
    }

    static void shapes() {
        emit("empty name");
        emit("one part", rdn(ava(CN, UTF8, "username")));
        emit("the demo's", rdn(ava(C, PRINTABLE, "UK")), rdn(ava(L, UTF8, "LONDON")), rdn(ava(O, UTF8, "CONDUKTOR")), rdn(ava(OU, UTF8, "TEST")), rdn(ava(CN, UTF8, "demo-admin")));
        emit("as openssl orders", rdn(ava(CN, UTF8, "a")), rdn(ava(O, UTF8, "b")));
        emit("the same type again", rdn(ava(OU, UTF8, "a")), rdn(ava(OU, UTF8, "b")), rdn(ava(OU, UTF8, "a")));
        emit("two values in one part", rdn(ava(OU, UTF8, "A"), ava(UID, UTF8, "u1")), rdn(ava(CN, UTF8, "x")));
        emit("two values, not in DER order", rdn(ava(UID, UTF8, "u1"), ava(OU, UTF8, "A")));
        emit("three values, one without a keyword", rdn(ava(CN, UTF8, "x"), ava(EMAIL, IA5, "a@b"), ava("2.5.4.5", PRINTABLE, "7")));
        emit("empty part", rdn(), rdn(ava(CN, UTF8, "x")));
        emit("empty part alone", rdn());
        emit("long part", rdn(ava(CN, UTF8, "y".repeat(200))));
        emit("very long part", rdn(ava(CN, UTF8, "long,".repeat(4000))));
        byte[][] many = new byte[100][];
        for (int i = 0; i < many.length; i++) {
            many[i] = rdn(ava(DC, IA5, "d" + i));
        }
        emit("a hundred parts", many);
    }

    static void types() {
        String[] oids = {CN, C, L, ST, STREET, O, OU, DC, UID, EMAIL, "2.5.4.5", "2.5.4.12", "2.5.4.4", "2.5.4.42", "2.5.4.43", "2.5.4.44", "2.5.4.46",
            "2.5.4.17", "2.5.4.97", "2.5.4.65", "2.5.4.13", "2.5.4.15", "2.5.4.20", "2.5.4.41", "2.5.4.45", "2.5.4.54", "0.9.2342.19200300.100.1.3",
            "1.3.6.1.4.1.42.2.11.2.1", "1.3.6.1.5.5.7.9.1", "1.3.6.1.4.1.311.60.2.1.3", "2.999.1", "0.0", "1.39.5", "2.39.5", "2.40.1", "1.2.3.4.5.6.7.8.9.268435456.4294967295"};
        for (String oid : oids) {
            emit("type " + oid, rdn(ava(oid, UTF8, "value")));
        }
        emit("type of a UUID", rdn(ava("2.25.329800735698586629295641978511506172918", UTF8, "v")));
        emit("e-mail in IA5", rdn(ava(EMAIL, IA5, "writer@example.com")));
        emit("serial number in Printable", rdn(ava("2.5.4.5", PRINTABLE, "42")));
        emit("long value without a keyword", rdn(ava("2.5.4.5", UTF8, "z".repeat(300))));
    }

    static void strings() {
        for (int tag : new int[] {UTF8, PRINTABLE, T61, IA5, VISIBLE, GENERAL, NUMERIC}) {
            emit("string type " + tag, rdn(ava(CN, tag, "12 34")));
            emit("empty string type " + tag, rdn(ava(CN, tag, "")));
        }
        emit("BMP", rdn(ava(CN, BMP, "Ab".getBytes(StandardCharsets.UTF_16BE))));
        emit("BMP beyond Latin", rdn(ava(CN, BMP, "日本".getBytes(StandardCharsets.UTF_16BE))));
        emit("BMP in e-mail", rdn(ava(EMAIL, BMP, "a@b".getBytes(StandardCharsets.UTF_16BE))));
        emit("empty BMP", rdn(ava(CN, BMP, new byte[0])));
        emit("Universal", rdn(ava(CN, UNIVERSAL, "Ab".getBytes(Charset.forName("UTF-32BE")))));
        emit("T61 in Latin-1", rdn(ava(CN, T61, "Müller".getBytes(StandardCharsets.ISO_8859_1))));
        emit("T61 in UTF-8", rdn(ava(CN, T61, "Müller")));
        emit("Printable with what it may not hold", rdn(ava(CN, PRINTABLE, "a*b@c_é")));
        emit("UTF-8, accents", rdn(ava(CN, UTF8, "Łukasz Ångström")));
        emit("UTF-8, not normalised", rdn(ava(CN, UTF8, "e\u0301")));
        emit("UTF-8, CJK and right to left", rdn(ava(O, UTF8, "株式会社")), rdn(ava(CN, UTF8, "مرحبا")));
        emit("UTF-8, beyond the BMP", rdn(ava(CN, UTF8, "😀 key 🔑")));
        emit("UTF-8, byte order mark", rdn(ava(CN, UTF8, "\uFEFFx")));
        emit("UTF-8, exotic blanks", rdn(ava(CN, UTF8, "\u00A0x\u3000")));
        emit("UTF-8, surrogates in three bytes", rdn(ava(CN, UTF8, new byte[] {'a', (byte) 0xed, (byte) 0xa0, (byte) 0xbd, (byte) 0xed, (byte) 0xb8, (byte) 0x80, 'b'})));
        emit("T61, every kind of beginning", rdn(ava(CN, T61, beginnings())));
        emit("UTF-8, overlong", rdn(ava(CN, UTF8, new byte[] {(byte) 0xc0, (byte) 0xaf, (byte) 0xe0, (byte) 0x80, (byte) 0xaf})));
        emit("octets", rdn(ava(CN, 4, "abc")));
        emit("integer", rdn(ava(CN, 2, new byte[] {5})));
        emit("bits", rdn(ava("2.5.4.45", 3, new byte[] {0, 1})));
        emit("null", rdn(ava(CN, 5, new byte[0])));
        emit("sequence", rdn(ava(CN, 0x30, tlv(2, new byte[] {1}))));
    }

    /** Characters cut short and gone wrong at every byte, with bars between. */
    static byte[] beginnings() {
        int[] leads = {0x80, 0xbf, 0xc0, 0xc1, 0xc2, 0xdf, 0xe0, 0xe1, 0xec, 0xed, 0xee, 0xef, 0xf0, 0xf1, 0xf3, 0xf4, 0xf5, 0xf8, 0xfc, 0xff};
        int[] seconds = {'|', 0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf, 0xc2, 0xf0};
        int[] laters = {'|', 0x80, 0xbf, 0xe1};
        ByteArrayOutputStream b = new ByteArrayOutputStream();
        for (int lead : leads) {
            for (int second : seconds) {
                for (int third : laters) {
                    for (int fourth : laters) {
                        for (int c : new int[] {lead, second, third, fourth, '|'}) {
                            b.write(c);
                        }
                    }
                }
            }
        }
        return b.toByteArray();
    }

    static void escapes() {
        for (char c : ",=+<>#;\"\\/ '\t\n\r\0\u0001\u001f\u007f\u0085\u2028*()@:&|!~$%^".toCharArray()) {
            for (String value : new String[] {c + "x", "x" + c + "y", "x" + c, "" + c}) {
                emit("character U+" + Integer.toHexString(c), rdn(ava(CN, UTF8, value)));
            }
        }
        for (String value : new String[] {"  two  ", "a  b", " ", "   ", " # ", "#1", "##", "a#b", "a\\,b", "\\20", "\"quoted\"", "CN=inner,O=x", "a+b=c", " \r x \r ", "\r\n", "x\0", "\0", " \0 ", "\\ "}) {
            emit("value " + quote(value), rdn(ava(CN, UTF8, value)), rdn(ava(O, UTF8, "o")));
        }
    }

    static void emit(String about, byte[]... rdns) {
        byte[] der = tlv(0x30, rdns);
        StringBuilder hex = new StringBuilder();
        for (byte b : der) {
            hex.append(String.format("%02x", b));
        }
        String name;
        try {
            name = quote(new X500Principal(der).getName());
        } catch (IllegalArgumentException e) {
            name = "refused";
        }
        out.println(about.replace('\t', ' ') + "\t" + hex + "\t" + name);
    }

    /** Quotes as Go does. */
    static String quote(String s) {
        StringBuilder b = new StringBuilder("\"");
        s.codePoints().forEach(c -> {
            if (c == '"' || c == '\\') {
                b.append('\\').appendCodePoint(c);
            } else if (c < 0x20 || c == 0x7f || c == 0x85 || c == 0xa0 || c == 0x2028 || c == 0x3000 || c == 0xfeff) {
                b.append(String.format("\\u%04x", c));
            } else {
                b.appendCodePoint(c);
            }
        });
        return b.append('"').toString();
    }

    static byte[] rdn(byte[]... avas) {
        return tlv(0x31, avas);
    }

    static byte[] ava(String oid, int tag, String value) {
        return ava(oid, tag, value.getBytes(StandardCharsets.UTF_8));
    }

    static byte[] ava(String oid, int tag, byte[] value) {
        return tlv(0x30, tlv(6, oid(oid)), tlv(tag, value));
    }

    static byte[] oid(String text) {
        String[] arcs = text.split("\\.");
        ByteArrayOutputStream b = new ByteArrayOutputStream();
        for (int i = 1; i < arcs.length; i++) {
            java.math.BigInteger n = new java.math.BigInteger(arcs[i]);
            if (i == 1) {
                n = n.add(java.math.BigInteger.valueOf(40L * Integer.parseInt(arcs[0])));
            }
            int groups = Math.max(1, (n.bitLength() + 6) / 7);
            for (int g = groups - 1; g >= 0; g--) {
                b.write(n.shiftRight(7 * g).intValue() & 0x7f | (g > 0 ? 0x80 : 0));
            }
        }
        return b.toByteArray();
    }

    static byte[] tlv(int tag, byte[]... contents) {
        ByteArrayOutputStream body = new ByteArrayOutputStream();
        for (byte[] c : contents) {
            body.writeBytes(c);
        }
        ByteArrayOutputStream b = new ByteArrayOutputStream();
        b.write(tag);
        int n = body.size();
        if (n >= 0x10000) {
            b.writeBytes(new byte[] {(byte) 0x83, (byte) (n >> 16), (byte) (n >> 8), (byte) n});
        } else if (n >= 0x100) {
            b.writeBytes(new byte[] {(byte) 0x82, (byte) (n >> 8), (byte) n});
        } else if (n >= 0x80) {
            b.writeBytes(new byte[] {(byte) 0x81, (byte) n});
        } else {
            b.write(n);
        }
        b.writeBytes(body.toByteArray());
        return b.toByteArray();
    }
}
