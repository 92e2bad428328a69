// A certificate that nobody has signed but itself, for tests of `--insecure`. It is of no use for anything else.
const pem = (label: string, ...lines: ReadonlyArray<string>) =>
  `-----BEGIN ${label}-----\n${lines.join("").replaceAll(/.{64}/g, "$&\n").trim()}\n-----END ${label}-----`

export const key = pem(
  "PRIVATE KEY",
  "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgkV8f4ufrC8Kt3j4A9/YCsE5fv5BA49xH/ZyJQBKtUruhRANCAASodp5DOXynpzZg",
  "B6WthljPXYGCvnf9NzuWcHOk34eTQu5nw8cYDTAJspe8gRMkJdDKRbCZ1eKczTu4UkH1vGrA"
)

export const cert = pem(
  "CERTIFICATE",
  "MIIBgDCCASWgAwIBAgIUS1LZMBbxjoDey5TZ7p0Xkv66MkowCgYIKoZIzj0EAwIwFDESMBAGA1UEAwwJMTI3LjAuMC4xMCAXDTI2MTEyODE4MzYz",
  "N1oYDzIxMjYxMTA0MTgzNjM3WjAUMRIwEAYDVQQDDAkxMjcuMC4wLjEwWTATBgcqhkjOPQIBBggqhkjOPQMBBwNCAASodp5DOXynpzZgB6WthljP",
  "XYGCvnf9NzuWcHOk34eTQu5nw8cYDTAJspe8gRMkJdDKRbCZ1eKczTu4UkH1vGrAo1MwUTAdBgNVHQ4EFgQUu0z20ERe/9Cjd2u0eCqydft6jVAw",
  "HwYDVR0jBBgwFoAUu0z20ERe/9Cjd2u0eCqydft6jVAwDwYDVR0TAQH/BAUwAwEB/zAKBggqhkjOPQQDAgNJADBGAiEA+ICuPL+sEsq6MsoaKr8K",
  "Z2jkNQGKx+ylo/yxg7PxO6cCIQCygJtlmsEc6SaGvtQjTQoBniUl9X4VaqcGIPxPuON/pg=="
)
