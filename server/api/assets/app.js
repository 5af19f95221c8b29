document.title = "Salvor";
