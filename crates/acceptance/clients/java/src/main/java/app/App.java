package app;

import java.util.Map;
import org.springframework.boot.SpringApplication;
import org.springframework.boot.autoconfigure.SpringBootApplication;
import org.springframework.context.annotation.Bean;
import org.springframework.security.config.annotation.web.builders.HttpSecurity;
import org.springframework.security.config.annotation.web.configurers.AbstractHttpConfigurer;
import org.springframework.security.core.annotation.AuthenticationPrincipal;
import org.springframework.security.oauth2.client.OAuth2AuthorizedClient;
import org.springframework.security.oauth2.client.annotation.RegisteredOAuth2AuthorizedClient;
import org.springframework.security.oauth2.client.oidc.web.logout.OidcClientInitiatedLogoutSuccessHandler;
import org.springframework.security.oauth2.client.registration.ClientRegistrationRepository;
import org.springframework.security.oauth2.client.web.DefaultOAuth2AuthorizationRequestResolver;
import org.springframework.security.oauth2.client.web.OAuth2AuthorizationRequestCustomizers;
import org.springframework.security.oauth2.core.oidc.user.OidcUser;
import org.springframework.security.web.SecurityFilterChain;
import org.springframework.web.bind.annotation.GetMapping;
import org.springframework.web.bind.annotation.RestController;

/** Signs people in with the registration `tessera`, which the environment configures, and out at the provider too. */
@SpringBootApplication
@RestController
public class App {
  public static void main(String[] args) {
    SpringApplication.run(App.class, args);
  }

  @Bean
  SecurityFilterChain security(HttpSecurity http, ClientRegistrationRepository clients) throws Exception {
    var requests = new DefaultOAuth2AuthorizationRequestResolver(clients, "/oauth2/authorization");
    requests.setAuthorizationRequestCustomizer(OAuth2AuthorizationRequestCustomizers.withPkce());
    var logout = new OidcClientInitiatedLogoutSuccessHandler(clients);
    logout.setPostLogoutRedirectUri("{baseUrl}/goodbye");
    return http
        .authorizeHttpRequests(
            paths -> paths.requestMatchers("/goodbye", "/error").permitAll().anyRequest().authenticated())
        .oauth2Login(
            login -> login.authorizationEndpoint(endpoint -> endpoint.authorizationRequestResolver(requests)))
        .logout(each -> each.logoutSuccessHandler(logout))
        // So that a plain link logs out.
        .csrf(AbstractHttpConfigurer::disable)
        .build();
  }

  /** Who is signed in; an access token that is about to expire is refreshed first. */
  @GetMapping("/")
  Map<String, Object> home(
      @AuthenticationPrincipal OidcUser user, @RegisteredOAuth2AuthorizedClient("tessera") OAuth2AuthorizedClient client) {
    return Map.of(
        "subject", user.getSubject(),
        "department", user.getUserInfo().getClaimAsString("department"),
        "access_token", client.getAccessToken().getTokenValue());
  }

  @GetMapping("/goodbye")
  String goodbye() {
    return "signed out";
  }
}
