import java.io.ByteArrayOutputStream;
import java.io.InputStream;
import java.net.InetAddress;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.KeyFactory;
import java.security.KeyStore;
import java.security.PrivateKey;
import java.security.cert.Certificate;
import java.security.cert.CertificateFactory;
import java.security.cert.X509Certificate;
import java.security.spec.PKCS8EncodedKeySpec;
import java.util.Base64;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import javax.net.ssl.KeyManagerFactory;
import javax.net.ssl.SSLContext;
import javax.net.ssl.SSLParameters;
import javax.net.ssl.SSLServerSocket;
import javax.net.ssl.SSLSocket;
import javax.net.ssl.TrustManagerFactory;

/**
 * A server and a client on Java's JSSE, with the options and the words of the adapters' examples. The
 * server asks nobody: it is shown no extension that JSSE does not know, so it sees no offer.
 */
final class Peer {
    private static final char[] PASSWORD = "in memory only".toCharArray();

    public static void main(String[] args) throws Exception {
        Map<String, String> options = new HashMap<>();
        for (int i = 0; i < args.length; i++) {
            boolean alone = List.of("--server", "--retry", "--tls12").contains(args[i]);
            options.put(args[i], alone ? "" : args[++i]);
        }
        if (options.containsKey("--retry")) {
            System.setProperty("jdk.tls.namedGroups", "secp384r1");
        }
        boolean server = options.containsKey("--server");
        SSLContext context = context(options, server ? "--client-ca" : "--ca");
        if (server) {
            serve(context, options.containsKey("--tls12"));
        } else {
            for (int i = Integer.parseInt(options.getOrDefault("--count", "1")); i > 0; i--) {
                visit(context, options.get("--connect"));
            }
        }
    }

    private static void serve(SSLContext context, boolean tls12) throws Exception {
        InetAddress loopback = InetAddress.getByName("127.0.0.1");
        SSLServerSocket listener = (SSLServerSocket)
                context.getServerSocketFactory().createServerSocket(0, 64, loopback);
        if (tls12) {
            listener.setEnabledProtocols(new String[] {"TLSv1.2"});
        }
        System.out.println("listening on 127.0.0.1:" + listener.getLocalPort());
        while (true) {
            SSLSocket socket = (SSLSocket) listener.accept();
            Thread thread = new Thread(() -> answer(socket));
            thread.setDaemon(true);
            thread.start();
        }
    }

    private static void answer(SSLSocket socket) {
        try (socket) {
            socket.setSoTimeout(10_000);
            socket.startHandshake();
            // JSSE does not report whether a session was resumed.
            String line = "{\"tls_version\":\"" + socket.getSession().getProtocol()
                    + "\",\"resumed\":null,\"decision\":\"none\",\"verified_subject\":"
                    + subject(socket) + ",\"acknowledged\":false}\n";
            System.out.print(line);
            System.out.flush();
            InputStream in = socket.getInputStream();
            StringBuilder request = new StringBuilder();
            for (int byte; request.indexOf("\r\n\r\n") < 0 && (byte = in.read()) >= 0;) {
                request.append((char) byte);
            }
            byte[] body = line.getBytes(StandardCharsets.UTF_8);
            ByteArrayOutputStream answer = new ByteArrayOutputStream();
            answer.write(("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n"
                    + "Content-Length: " + body.length + "\r\n\r\n").getBytes(StandardCharsets.UTF_8));
            answer.write(body);
            socket.getOutputStream().write(answer.toByteArray());
            socket.shutdownOutput();
            while (in.read() >= 0) { }
        } catch (Exception err) {
            System.out.println("{\"error\":\"" + err.getClass().getSimpleName() + "\"}");
        }
    }

    private static String subject(SSLSocket socket) {
        try {
            Certificate first = socket.getSession().getPeerCertificates()[0];
            return "\"" + ((X509Certificate) first).getSubjectX500Principal().getName() + "\"";
        } catch (javax.net.ssl.SSLPeerUnverifiedException nobody) {
            return "null";
        }
    }

    private static void visit(SSLContext context, String address) throws Exception {
        String[] parts = address.split(":");
        try (SSLSocket socket = (SSLSocket) context.getSocketFactory().createSocket()) {
            socket.connect(new java.net.InetSocketAddress(
                    InetAddress.getByAddress("localhost", new byte[] {127, 0, 0, 1}),
                    Integer.parseInt(parts[1])), 10_000);
            socket.setSoTimeout(10_000);
            SSLParameters parameters = socket.getSSLParameters();
            parameters.setEndpointIdentificationAlgorithm("HTTPS");
            parameters.setServerNames(List.of(new javax.net.ssl.SNIHostName("localhost")));
            socket.setSSLParameters(parameters);
            socket.startHandshake();
            socket.getOutputStream().write(
                    "GET /debug HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
                            .getBytes(StandardCharsets.UTF_8));
            String answer = new String(socket.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
            boolean asked = socket.getSession().getLocalCertificates() != null;
            System.out.println("{\"tls_version\":\"" + socket.getSession().getProtocol()
                    + "\",\"asked\":" + asked + "}");
            System.out.println(answer.substring(answer.indexOf("\r\n\r\n") + 4));
        }
    }

    private static SSLContext context(Map<String, String> options, String authorities) throws Exception {
        KeyStore own = KeyStore.getInstance("PKCS12");
        own.load(null, null);
        PrivateKey key = KeyFactory.getInstance("EC").generatePrivate(
                new PKCS8EncodedKeySpec(pem(options.get("--key"))));
        own.setKeyEntry("own", key, PASSWORD, certificates(options.get("--cert")));
        KeyManagerFactory keys = KeyManagerFactory.getInstance("PKIX");
        keys.init(own, PASSWORD);

        KeyStore trusted = KeyStore.getInstance("PKCS12");
        trusted.load(null, null);
        for (Certificate certificate : certificates(options.get(authorities))) {
            trusted.setCertificateEntry("authority-" + trusted.size(), certificate);
        }
        TrustManagerFactory trust = TrustManagerFactory.getInstance("PKIX");
        trust.init(trusted);
        SSLContext context = SSLContext.getInstance("TLS");
        context.init(keys.getKeyManagers(), trust.getTrustManagers(), null);
        return context;
    }

    private static Certificate[] certificates(String path) throws Exception {
        try (InputStream in = Files.newInputStream(Path.of(path))) {
            return CertificateFactory.getInstance("X.509").generateCertificates(in)
                    .toArray(new Certificate[0]);
        }
    }

    private static byte[] pem(String path) throws Exception {
        String text = Files.readString(Path.of(path)).replaceAll("-----[A-Z ]+-----", "");
        return Base64.getMimeDecoder().decode(text.trim());
    }
}
