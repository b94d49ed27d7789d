package auth

// Cause says why an exchange failed, as a metric's label. The set is closed:
// Causes lists it.
type Cause string

// The causes.
const (
	Malformed       Cause = "malformed"             // not a message of the mechanism
	TooLarge        Cause = "too-large"             // a message or token over its limit
	Unspecified     Cause = "unspecified"           // no user name or no password
	OtherIdentity   Cause = "other-identity"        // an authorization identity that is not the user's own
	BadCredentials  Cause = "bad-credentials"       // wrong password, proof or signature
	NotAssociated   Cause = "not-associated"        // a good token of somebody else
	NoAccount       Cause = "no-account"            // a good token whose account does not exist
	Expired         Cause = "expired"               // a token after its exp
	NotYetValid     Cause = "not-yet-valid"         // a token before its nbf or iat
	WrongAlgorithm  Cause = "wrong-algorithm"       // none, HS* where keys are public, or no algorithm of ours
	UnknownKey      Cause = "unknown-key"           // no key of that id for that algorithm
	NoKeys          Cause = "no-keys"               // the issuer's keys were never read
	WrongIssuer     Cause = "wrong-issuer"          // iss is not the expected one
	WrongAudience   Cause = "wrong-audience"        // aud has none of the expected ones
	BadClaim        Cause = "bad-claim"             // a claim that is missing or has a wrong shape
	ChannelBinding  Cause = "channel-binding"       // the client demands a channel binding
	Extension       Cause = "unsupported-extension" // the client demands an extension
	OutOfStep       Cause = "out-of-step"           // a message after the exchange's end
	NotDetected     Cause = "not-detected"          // delegated: the exchange shows no principal
	RefusedByBroker Cause = "refused-by-broker"     // delegated: the broker said no
)

// Causes returns every cause.
func Causes() []Cause {
	return []Cause{
		Malformed, TooLarge, Unspecified, OtherIdentity, BadCredentials, NotAssociated, NoAccount, Expired,
		NotYetValid, WrongAlgorithm, UnknownKey, NoKeys, WrongIssuer, WrongAudience, BadClaim, ChannelBinding,
		Extension, OutOfStep, NotDetected, RefusedByBroker,
	}
}

// String returns the label.
func (c Cause) String() string { return string(c) }

// Failure says why an exchange failed. Text is for the client, as the
// error_message of SaslAuthenticate: valid UTF-8 without control characters, at
// most some kilobytes, and never a secret.
type Failure struct {
	Cause Cause
	Text  string
}

// Error returns "auth: <cause>: <text>".
func (f *Failure) Error() string { return "auth: " + string(f.Cause) + ": " + f.Text }

// Transient reports whether the same credentials may be accepted in a moment:
// the issuer's keys were not read yet, or the token's is so new that it is being
// fetched. Java's clients give up for good at SASL_AUTHENTICATION_FAILED; one
// that may come again is better served by the end of its connection.
func (f *Failure) Transient() bool { return f.Cause == NoKeys || f.Cause == UnknownKey }

// The texts that a delegated listener answers with.
const (
	TextRefusedByBroker = "SASL Authentication failed."
	TextNotDetected     = "Gateway can't detect principal from your authorization exchange. Please contact your administrator"
)

// unverified begins every text about credentials that were understood and
// found wanting.
const unverified = "Authentication failed: credentials for user could not be verified. Cause: "

// What more than one mechanism says.
const (
	textInvalid       = unverified + "Invalid username or password"
	textOtherIdentity = "Authentication failed: Client requested an authorization id that is different from username"
	textNoBinding     = "Authentication failed: channel binding is not supported"
)

// fail returns the end of an exchange as Step does.
func fail(cause Cause, text string) ([]byte, bool, error) {
	return nil, false, &Failure{Cause: cause, Text: text}
}

func outOfStep() ([]byte, bool, error) {
	return fail(OutOfStep, "Authentication failed: the exchange is over already")
}
