// Starts Swagger UI on our own description of the API. A file of its own: the page's policy allows no inline script.
SwaggerUIBundle({
  url: document.querySelector('meta[name="openapi"]').content,
  dom_id: "#swagger-ui",
  deepLinking: true,
  displayRequestDuration: true,
  validatorUrl: null,
});
